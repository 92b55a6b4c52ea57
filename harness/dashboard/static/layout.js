// Where boxes, lines and labels go: the Eclipse Layout Kernel, on a thread of its own. A machine of 150 states takes it a
// while, in which the page answers.
importScripts("./vendor/elkjs/elk.bundled.js");
const kernel = new ELK();

onmessage = async ({ data: { id, graph } }) => {
  try {
    postMessage({ id, plan: await kernel.layout(graph) });
  } catch (error) {
    postMessage({ id, error: String(error.message ?? error) });
  }
};
