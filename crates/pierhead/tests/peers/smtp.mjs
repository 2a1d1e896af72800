// A real SMTP server for tests: node smtp.mjs USER PASSWORD
//
// Says `{"port"}` on a line when it is ready, and each letter that it takes on a line of its own: `{"from", "to", "text"}`.
// Ends when its standard input does. It takes letters only from whoever signs in, and from nobody to `refused@…`; the first
// letter to an address that begins with `later` is put off with 451.

import { SMTPServer } from "smtp-server";

const [user, password] = process.argv.slice(2);
const putOff = new Set();

function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

function refusal(code, message) {
  return Object.assign(new Error(message), { responseCode: code });
}

const server = new SMTPServer({
  disabledCommands: ["STARTTLS"],
  allowInsecureAuth: true,
  onAuth(auth, _, done) {
    const fits = auth.username === user && auth.password === password;
    done(fits ? null : refusal(535, "wrong"), { user });
  },
  onRcptTo({ address }, _, done) {
    if (address.startsWith("refused")) return done(refusal(550, "no such mailbox"));
    if (address.startsWith("later") && !putOff.has(address)) {
      putOff.add(address);
      return done(refusal(451, "try again later"));
    }
    done();
  },
  onData(stream, session, done) {
    const parts = [];
    stream.on("data", (part) => parts.push(part));
    stream.on("end", () => {
      const { mailFrom, rcptTo } = session.envelope;
      say({ from: mailFrom.address, to: rcptTo.map((it) => it.address), text: Buffer.concat(parts).toString() });
      done();
    });
  },
});
server.listen(0, "127.0.0.1", () => say({ port: server.server.address().port }));
process.stdin.resume().on("end", () => process.exit(0));
