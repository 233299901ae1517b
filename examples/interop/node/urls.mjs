// Resolves links as browsers do (the URL Standard, of which node has a full
// implementation). Standard input: { base, links }. Standard output: the origins.
import { readFileSync } from 'node:fs';

const { base, links } = JSON.parse(readFileSync(0, 'utf8'));
const origin = (link) => {
  try {
    return new URL(link, base).origin;
  } catch {
    return 'invalid';
  }
};
console.log(JSON.stringify(links.map(origin)));
