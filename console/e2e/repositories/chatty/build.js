// Says a hundred thousand lines, as a verbose compiler does over a large project.
const fs = require("node:fs");
const LINES = 100_000;
const pieces = [];
for (let number = 1; number <= LINES; number += 1) {
  const word = number % 10_000 === 0 ? "\u001b[35mmilestone\u001b[0m" : "compiled";
  pieces.push(`${word} src/module-${number}.ts`);
}
process.stdout.write(`${pieces.join("\n")}\n`);
fs.mkdirSync("dist", { recursive: true });
fs.writeFileSync("dist/index.html", "<h1>Quiet at last</h1>");
