// A real SMTP server for the tests: node smtp.js PORT DIRECTORY. Each mail that it takes becomes a
// file, whole or not at all; a recipient whose address begins with "refused" or "later" is refused,
// for good or for now.
const { SMTPServer } = require("smtp-server");
const fs = require("fs");
const path = require("path");

const [port, directory] = process.argv.slice(2);
let number = 0;

new SMTPServer({
  authOptional: true,
  disabledCommands: ["STARTTLS"],
  onAuth: (auth, session, done) =>
    auth.username === "accolade" && auth.password === "s3cret"
      ? done(null, { user: auth.username })
      : done(Object.assign(new Error("Wrong password"), { responseCode: 535 })),
  onRcptTo: (address, session, done) => {
    const refusal = { refused: 550, later: 451 }[address.address.split("@")[0]];
    done(refusal ? Object.assign(new Error("Refused"), { responseCode: refusal }) : null);
  },
  onData: (stream, session, done) => {
    const chunks = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("end", () => {
      const name = `${String(++number).padStart(6, "0")}.eml`;
      fs.writeFileSync(path.join(directory, `.${name}`), Buffer.concat(chunks));
      fs.renameSync(path.join(directory, `.${name}`), path.join(directory, name));
      done();
    });
  },
}).listen(Number(port), "127.0.0.1");
