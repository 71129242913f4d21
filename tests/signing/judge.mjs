/**
 * Checks a signed folder with npm's @sigstore/verify: `node judge.mjs FOLDER KEY.pem`. The library
 * knows bundles, envelopes and keys; what the statement says of the files is checked below it.
 * Exits with 0 when all holds, with 1 and a line otherwise. Whatever asks the network fails.
 */

import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';

import { bundleFromJSON } from '@sigstore/bundle';
import { Verifier, toSignedEntity, toTrustMaterial } from '@sigstore/verify';

const SIGNATURE = 'model.sig';
const [folder, keyFile] = process.argv.slice(2);
const digest = (bytes) => createHash('sha256').update(bytes);

Socket.prototype.connect = () => {
  throw new Error('the network was asked');
};

try {
  check();
} catch (error) {
  console.log(`${error.name}: ${error.message}`);
  process.exit(1);
}

function check() {
  const pem = readFileSync(keyFile, 'utf8');
  const root = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
  const trust = toTrustMaterial(root, (hint) => {
    same('the key', hint, digest(pem).digest('hex'));
    return { publicKey: createPublicKey(pem), validFor: () => true };
  });
  const bundle = bundleFromJSON(JSON.parse(readFileSync(join(folder, SIGNATURE), 'utf8')));
  new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 }).verify(toSignedEntity(bundle));
  const { payload, payloadType } = bundle.content.dsseEnvelope;
  same('the payload', payloadType, 'application/vnd.in-toto+json');
  checkStatement(JSON.parse(payload.toString()));
}

function checkStatement({ _type, predicateType, subject, predicate }) {
  same('the statement', _type, 'https://in-toto.io/Statement/v1');
  same('the predicate', predicateType, 'https://model_signing/signature/v1.0');
  const { resources, serialization } = predicate;
  same('the method', serialization.method, 'files');
  const all = Buffer.concat(resources.map((resource) => Buffer.from(resource.digest, 'hex')));
  same('the subject', subject[0].digest.sha256, digest(all).digest('hex'));
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== SIGNATURE)
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  const found = names.map((name) => [name.slice(folder.length + 1), digest(readFileSync(name)).digest('hex')]);
  const signed = resources.map((resource) => [resource.name, resource.digest]);
  same('the files', JSON.stringify(found.sort()), JSON.stringify(signed.sort()));
}

function same(what, found, expected) {
  if (found !== expected) throw new Error(`${what} is ${found}, expected ${expected}`);
}
