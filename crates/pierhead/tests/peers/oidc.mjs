// A real OpenID Connect provider for tests: node oidc.mjs REDIRECT ALGORITHM IN_TOKEN|IN_USERINFO
//
// Says `{"issuer"}` on a line when it is ready; ends when its standard input does. Whoever signs in as NAME has the address
// NAME@example.com, which is verified unless the name begins with `unverified`. POST /rotate gives it other keys.

import { createServer } from "node:http";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import Provider from "oidc-provider";

const [redirect, algorithm, place] = process.argv.slice(2);

function key() {
  const { privateKey } =
    algorithm === "ES256"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: algorithm };
}

function provider(issuer) {
  return new Provider(issuer, {
    clients: [
      {
        client_id: "pierhead",
        client_secret: "a secret: with + and %",
        redirect_uris: [redirect],
        id_token_signed_response_alg: algorithm,
      },
    ],
    jwks: { keys: [key()] },
    cookies: { keys: [randomUUID()] },
    pkce: { required: () => true },
    conformIdTokenClaims: place === "IN_USERINFO",
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        email: `${id}@example.com`,
        email_verified: !id.startsWith("unverified"),
        name: id,
      }),
    }),
    features: { devInteractions: { enabled: true } },
  }).callback();
}

let answer;
const server = createServer((request, response) => {
  if (request.method === "POST" && request.url === "/rotate") {
    answer = provider(issuer);
    response.writeHead(204).end();
  } else {
    answer(request, response);
  }
});
let issuer;
server.listen(0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  answer = provider(issuer);
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
});
process.stdin.resume().on("end", () => process.exit(0));
