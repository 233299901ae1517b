// A certified OpenID Connect provider with one client. The first argument is
// JSON: redirectURI, authMethod, inline (claims in the ID token instead of the
// userinfo endpoint), alg. It prints its issuer when it listens. Whoever signs in
// is the account of that name.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const want = JSON.parse(process.argv[2]);

const { privateKey } = await generateKeyPair(want.alg, { extractable: true });
const key = { ...(await exportJWK(privateKey)), alg: want.alg, use: 'sig', kid: 'signing' };

const server = createServer((req, res) => handle(req, res));
let handle;
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'aegis',
      client_secret: 'a secret: with $pecial characters, 100%+',
      redirect_uris: [want.redirectURI],
      response_types: ['code'],
      grant_types: ['authorization_code'],
      token_endpoint_auth_method: want.authMethod,
      id_token_signed_response_alg: want.alg,
    }],
    jwks: { keys: [key] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username', 'picture'] },
    conformIdTokenClaims: !want.inline,
    findAccount: (ctx, id) => ({
      accountId: id,
      claims: async () => ({ sub: id, email: `${id}@Example.com`, email_verified: true, name: 'Ada Lovelace', preferred_username: id }),
    }),
    features: { devInteractions: { enabled: true } },
    pkce: { required: () => true },
    cookies: { keys: ['only for this run'] },
  });
  provider.on('server_error', (ctx, err) => console.error(err));
  handle = provider.callback();
  console.log(JSON.stringify({ issuer }));
});
process.stdin.on('end', () => process.exit(0)).resume(); // ends with who started it
