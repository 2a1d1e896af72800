const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");

// Says what stands in a file, and what it was given to keep to itself.
createServer((_, answer) => answer.end(`${readFileSync("text", "utf8")} ${process.env.CANARY}`)).listen(process.env.PORT);
