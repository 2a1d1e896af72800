// An API with an upload that counts bytes and a WebSocket that echoes.
const http = require("node:http");
const express = require("express");
const { WebSocketServer } = require("ws");

const app = express();
app.get("/", (request, response) => response.send("Pierhead example: express-api"));
app.post("/upload", (request, response) => {
  let bytes = 0;
  request.on("data", (piece) => (bytes += piece.length));
  request.on("end", () => response.json({ bytes }));
});

const server = http.createServer(app);
new WebSocketServer({ server, path: "/ws" }).on("connection", (socket) =>
  socket.on("message", (message, isBinary) => socket.send(message, { binary: isBinary })),
);
server.listen(process.env.PORT ?? 3000, "0.0.0.0");
process.on("SIGTERM", () => server.close());
