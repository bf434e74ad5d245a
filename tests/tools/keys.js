// Keys of identity providers: node keys.js prints two of RSA and many of P-256 and Ed25519, each as a JWK,
// as PEM and, in private, as DER in base64: PKCS #1 for RSA, PKCS #8 for the others.
const { generateKeyPairSync } = require("node:crypto");

const made = (count, ...how) =>
  Array.from({ length: count }, () => {
    const { publicKey, privateKey } = generateKeyPairSync(...how);
    const type = how[0] === "rsa" ? "pkcs1" : "pkcs8";
    return {
      jwk: publicKey.export({ format: "jwk" }),
      public: publicKey.export({ type: "spki", format: "pem" }),
      private: privateKey.export({ type, format: "der" }).toString("base64"),
    };
  });

console.log(
  JSON.stringify({
    rsa: made(2, "rsa", { modulusLength: 2048 }),
    ec: made(300, "ec", { namedCurve: "P-256" }),
    ed: made(300, "ed25519"),
  }),
);
