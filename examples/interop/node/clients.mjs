// Lets two OAuth 2.0 client libraries find the service by its metadata document
// and use its token endpoint. Standard input: { issuer, username, password,
// audience }. Standard output: what each of them got.
import { readFileSync } from 'node:fs';
import * as client from 'openid-client';
import * as oauth from 'oauth4webapi';

const { issuer, username, password, me } = JSON.parse(readFileSync(0, 'utf8'));
const whoIs = async (token) => (await fetch(me, { headers: { authorization: `Bearer ${token}` } })).status;

// An answer of 401 with WWW-Authenticate is a challenge to both libraries, which
// leave its body to the caller.
const told = async (err) => err.error ?? (await (err.response ?? err.cause?.response)?.json())?.error ?? String(err);

async function openidClient() {
  const config = await client.discovery(new URL(issuer), 'anyone', undefined, client.None(), {
    algorithm: 'oauth2',
    execute: [client.allowInsecureRequests],
  });
  const first = await client.genericGrantRequest(config, 'password', { username, password });
  const second = await client.refreshTokenGrant(config, first.refresh_token);
  const status = await whoIs(second.access_token);
  await client.tokenRevocation(config, second.refresh_token);
  const after = await whoIs(second.access_token);
  let wrong;
  try {
    await client.genericGrantRequest(config, 'password', { username, password: 'wrong' });
  } catch (err) {
    wrong = await told(err);
  }
  return {
    issuer: config.serverMetadata().issuer, type: first.token_type, expires: first.expires_in,
    rotated: first.refresh_token !== second.refresh_token, status, after, wrong,
  };
}

async function oauth4webapi() {
  const insecure = { [oauth.allowInsecureRequests]: true };
  const url = new URL(issuer);
  const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm: 'oauth2', ...insecure }));
  const who = { client_id: 'anyone' };
  const first = await oauth.processGenericTokenEndpointResponse(as, who,
    await oauth.genericTokenEndpointRequest(as, who, oauth.None(), 'password', { username, password }, insecure));
  const second = await oauth.processRefreshTokenResponse(as, who,
    await oauth.refreshTokenGrantRequest(as, who, oauth.None(), first.refresh_token, insecure));
  const status = await whoIs(second.access_token);
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, who, oauth.None(), second.access_token, insecure));
  const after = await whoIs(second.access_token);
  let wrong;
  try {
    await oauth.processGenericTokenEndpointResponse(as, who,
      await oauth.genericTokenEndpointRequest(as, who, oauth.None(), 'password', { username, password: 'wrong' }, insecure));
  } catch (err) {
    wrong = await told(err);
  }
  return {
    issuer: as.issuer, type: first.token_type, expires: first.expires_in,
    rotated: first.refresh_token !== second.refresh_token, status, after, wrong,
  };
}

const answer = {};
for (const [name, run] of Object.entries({ 'openid-client': openidClient, oauth4webapi })) {
  try {
    answer[name] = await run();
  } catch (err) {
    answer[name] = { error: `${err.code ?? ''} ${err.message} ${JSON.stringify(err.cause ?? null)}` };
  }
}
console.log(JSON.stringify(answer));
