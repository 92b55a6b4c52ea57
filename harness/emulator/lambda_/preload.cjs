// What AWS's Node.js runtime has and plain Node.js has not.
'use strict';
const fs = require('node:fs'), http = require('node:http'), https = require('node:https'), tls = require('node:tls');
const { register } = require('node:module');

// AWS's hosts are reached through HTTPS_PROXY, as Node.js 24 does itself with NODE_USE_ENV_PROXY=1. So is the proxy's own
// host, asked without its port: handlers of custom resources look at the name alone in the address where they answer.
const AWS = /(^|\.)(amazonaws\.com(\.cn)?|api\.aws)$/i;
const proxy = new URL(process.env.HTTPS_PROXY);

class ThroughProxy extends https.Agent {
  createConnection(options, done) {
    const own = options.host === proxy.hostname && Number(options.port) === 443;
    if (!own && !AWS.test(options.host)) return super.createConnection(options, done);
    const servername = own ? 's3.amazonaws.com' : options.host, path = `${servername}:${options.port}`;
    const asked = http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path, agent: false });
    asked.once('error', done);
    asked.once('connect', (answer, socket) => {
      if (answer.statusCode !== 200) return done(new Error(`the proxy answers ${answer.statusCode} to ${path}`));
      const ca = fs.readFileSync(process.env.AWS_CA_BUNDLE);
      done(null, tls.connect({ ...options, ca, socket, servername }));
    });
    asked.end();
  }
}

https.globalAgent = new ThroughProxy({ keepAlive: true, scheduling: 'lifo', timeout: 5000 });

// ES modules are looked for in NODE_PATH, too.
// https://aws.amazon.com/blogs/compute/node-js-18-x-runtime-now-available-in-aws-lambda/
const hooks = `
import { pathToFileURL } from 'node:url';
const folders = process.env.NODE_PATH.split(':').filter(Boolean).map(folder => pathToFileURL(folder + '/').href);
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || /^[./]|^[a-z]+:/.test(specifier)) throw error;
    for (const parentURL of folders) {
      try { return await next(specifier, { ...context, parentURL }); } catch {}
    }
    throw error;
  }
}`;
if (register) register(`data:text/javascript,${encodeURIComponent(hooks)}`);
