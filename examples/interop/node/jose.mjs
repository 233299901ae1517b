// Verifies and makes tokens with jose. Standard input is a list of tasks:
//   { verify: token, issuer, audience, secret | jwks }
//   { sign: claims, header, secret | pem, alg }   alg none: without a signature
// Standard output is the list of answers.
import { readFileSync } from 'node:fs';
import { base64url, createRemoteJWKSet, importPKCS8, jwtVerify, SignJWT, UnsecuredJWT } from 'jose';

const bytes = (text) => new TextEncoder().encode(text);

async function verify(task) {
  const key = task.secret ? bytes(task.secret) : createRemoteJWKSet(new URL(task.jwks));
  const rules = { issuer: task.issuer, audience: task.audience, typ: 'at+jwt', algorithms: [task.alg], requiredClaims: ['sub', 'exp', 'iat', 'jti', 'sid'] };
  const { payload, protectedHeader } = await jwtVerify(task.verify, key, rules);
  return { payload, header: protectedHeader };
}

async function sign(task) {
  if (task.alg === 'none') {
    const token = new UnsecuredJWT(task.sign).encode().split('.');
    token[0] = base64url.encode(JSON.stringify({ ...task.header, alg: 'none' }));
    return { token: token.join('.') };
  }
  const key = task.pem ? await importPKCS8(task.pem, task.alg) : bytes(task.secret);
  const header = { ...task.header, alg: task.alg };
  return { token: await new SignJWT(task.sign).setProtectedHeader(header).sign(key) };
}

const answers = [];
for (const task of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    answers.push(await (task.verify ? verify(task) : sign(task)));
  } catch (err) {
    answers.push({ error: err.code ?? String(err) });
  }
}
console.log(JSON.stringify(answers));
