// The shop's front: asks the API and shows what it sells.
const { createServer } = require("node:http");

const server = createServer(async (request, response) => {
  try {
    const answer = await fetch(`${process.env.API}/products`);
    const { version, products } = await answer.json();
    const rows = products.map(({ name, price }) => `<li>${name}: ${price}</li>`).join("");
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<h1>Pierhead example: ${process.env.TITLE}</h1><p>API ${version}</p><ul>${rows}</ul>`);
  } catch (error) {
    response.statusCode = 502;
    response.end(`The API does not answer: ${error.message}`);
  }
});
server.listen(process.env.PORT);
