import createClient from 'openapi-fetch';
import type { components, paths } from './api';

declare const process: { env: Record<string, string> };

const client = createClient<paths>({ baseUrl: process.env.URL, headers: { 'x-api-key': 'k' } });
const application: components['schemas']['Application'] = JSON.parse(process.env.APPLICATION);

const { data, error } = await client.POST('/predict', { body: application });
if (!data) throw new Error(JSON.stringify(error));
// Adjustments have their fields, and an outcome is one of three words.
const outcome: 'approve' | 'refer' | 'decline' | undefined = data.outcome;
const adjustments = data.adjustments.map(({ feature, kind, to }) => [feature, kind satisfies 'missing' | 'unknown' | 'out_of_range' | 'mismatch', to]);

const batch = await client.POST('/predict/batch', { body: [application] });
const first = batch.data?.[0];
// The answer to CSV or NDJSON would be a text.
if (!first || typeof first === 'string' || !('probability' in first)) throw new Error(JSON.stringify(batch.error ?? first));

const explained = await client.POST('/explain', { body: { application } });
if (!explained.data && explained.response.status !== 501) throw new Error(JSON.stringify(explained.error));
const reasons: string[] | undefined = explained.data?.reasons?.map((reason) => reason.text);

// A refusal has a sentence.
const denied = await client.POST('/models/{name}/reload', { params: { path: { name: 'loan-approval' } } });
const detail: string | undefined = denied.response.status === 403 ? (denied.error as components['schemas']['Error']).detail : undefined;
if (!detail) throw new Error('a key for decisions reloads no model');

console.error(outcome, reasons, detail);
console.log(JSON.stringify([data.probability, adjustments, first.probability]));
