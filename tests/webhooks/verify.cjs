// Verifies real deliveries with a package of npm, and signs messages for our own verifier.
// stdin: {"package", "secret", "messages": [{"headers", "body"}]}; stdout: {"verified", "signed"}
const input = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { Webhook } = require(input.package);
const webhook = new Webhook(input.secret);

const verified = input.messages.map(({ headers, body }) => {
  try {
    return webhook.verify(body, headers);
  } catch (error) {
    return { error: String(error) };
  }
});
const at = new Date();
const body = '{"report_id":"EXP-1","total_amount":750.50,"note":"ü € 字"}';
const headers = {
  "webhook-id": "msg_from_npm",
  "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
  "webhook-signature": webhook.sign("msg_from_npm", at, body),
};
process.stdout.write(JSON.stringify({ verified, signed: { headers, body } }));
