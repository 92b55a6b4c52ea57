// Two stacks: what one exports, the other imports; assets, a nested stack, a custom resource, a table that is replaced.
const { App, CfnOutput, CustomResource, NestedStack, RemovalPolicy, Stack } = require('aws-cdk-lib');
const dynamodb = require('aws-cdk-lib/aws-dynamodb');
const lambda = require('aws-cdk-lib/aws-lambda');
const sfn = require('aws-cdk-lib/aws-stepfunctions');
const tasks = require('aws-cdk-lib/aws-stepfunctions-tasks');
const sqs = require('aws-cdk-lib/aws-sqs');

const variant = process.env.VARIANT || 'first';
const app = new App();
const base = new Stack(app, 'Base');
const key = { name: variant === 'other-key' ? 'other' : 'id', type: dynamodb.AttributeType.STRING };
const table = new dynamodb.Table(base, 'Table', { partitionKey: key, removalPolicy: RemovalPolicy.DESTROY });

const main = new Stack(app, 'Main');
const code = (scope, name) => new lambda.Function(scope, name, {
  runtime: lambda.Runtime.PYTHON_3_11, handler: `app.${name.toLowerCase()}`, code: lambda.Code.fromAsset('fn'),
});
const put = new tasks.DynamoPutItem(main, 'Put', {
  table, item: { id: tasks.DynamoAttributeValue.fromString(sfn.JsonPath.stringAt('$.id')) }, resultPath: sfn.JsonPath.DISCARD,
});
const work = new tasks.LambdaInvoke(main, 'Work', { lambdaFunction: code(main, 'Greet'), payloadResponseOnly: true });
const machine = new sfn.StateMachine(main, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(put.next(work)) });
const custom = new CustomResource(main, 'Custom', {
  serviceToken: code(main, 'Custom' + 'ise').functionArn, properties: { Word: variant },
});
const nested = new NestedStack(main, 'Nested');
new sqs.Queue(nested, 'Queue');
new CfnOutput(main, 'MachineArn', { value: machine.stateMachineArn });
new CfnOutput(main, 'Loud', { value: custom.getAttString('Loud') });
