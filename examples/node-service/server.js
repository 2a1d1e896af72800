// A service without dependencies: Node's own HTTP server.
const http = require("node:http");

http
  .createServer((request, response) => {
    response.setHeader("content-type", "text/plain");
    response.end(`Pierhead example: node-service\n${request.method} ${request.url}\n`);
  })
  .listen(process.env.PORT ?? 3000, "0.0.0.0");
