// Has https.request reach AWS's hosts through HTTPS_PROXY, as Node.js 24 does itself with NODE_USE_ENV_PROXY=1.
'use strict';
const fs = require('node:fs'), http = require('node:http'), https = require('node:https'), tls = require('node:tls');

const AWS = /(^|\.)(amazonaws\.com(\.cn)?|api\.aws)$/i;
const proxy = new URL(process.env.HTTPS_PROXY);

class ThroughProxy extends https.Agent {
  createConnection(options, done) {
    if (!AWS.test(options.host)) return super.createConnection(options, done);
    const path = `${options.host}:${options.port}`;
    const asked = http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path, agent: false });
    asked.once('error', done);
    asked.once('connect', (answer, socket) => {
      if (answer.statusCode !== 200) return done(new Error(`the proxy answers ${answer.statusCode} to ${path}`));
      const ca = fs.readFileSync(process.env.AWS_CA_BUNDLE);
      done(null, tls.connect({ ...options, ca, socket, servername: options.host }));
    });
    asked.end();
  }
}

https.globalAgent = new ThroughProxy({ keepAlive: true, scheduling: 'lifo', timeout: 5000 });
