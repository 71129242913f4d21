/**
 * The page: opens the model, builds the form, and asks again after every change.
 * @import { Decision, Problem } from '../model-wasm/src/model.js'
 * @import { Answer, Engine } from './engine.js'
 */

import { showAbout } from './about.js';
import { buildBatch } from './batch.js';
import { buildDecision, decisionSentence, problemsSentence } from './decision.js';
import { buildDevelopers, requestJson, showDevelopers } from './developers.js';
import { byId } from './dom.js';
import { openModel } from './engine.js';
import { buildExplanation } from './explanation.js';
import { buildForm } from './form.js';
import { hasDecimalComma } from './format.js';
import { chosenLanguage, inLanguage } from './language.js';

/** Milliseconds after the last keystroke until a half-typed value counts as complete. */
const PAUSE = 500;

byId('retry').addEventListener('click', () => location.reload());
showOnly('loading');
keepOffline();
openModel().then(run).catch(showFailure);

/** @param {Engine} engine */
async function run(engine) {
  const { description: given, decide } = engine;
  const language = chosenLanguage(given, navigator.languages);
  const description = inLanguage(given, language);
  for (const id of ['title', 'description', 'form', 'verdict']) byId(id).lang = language;
  const decimalComma = [language, navigator.language].some(hasDecimalComma);
  const form = buildForm(description, decimalComma);
  const panel = buildDecision(description, form);
  showAbout(description);
  buildDevelopers();
  buildBatch(description, engine, decimalComma);
  const explanation = engine.explains ? buildExplanation(description, engine, form, () => ask(0)) : null;

  let asked = 0;
  let pause = 0;

  /** @param {number} patience milliseconds until an error is shown and the outcome is read out */
  const update = async (patience) => {
    const question = asked += 1;
    // What an older answer still had to say is no longer true.
    clearTimeout(pause);
    const values = form.values();
    const answer = await decide(requestJson(values));
    if (question !== asked) return;
    const outcome = readAnswer(answer);
    outcome.problems = form.inWords(outcome.problems);
    form.showComputed(JSON.parse(answer.computed));
    if (outcome.decision) {
      panel.show(outcome.decision);
      form.showAdjustments(outcome.decision.adjustments);
    } else {
      panel.wait();
      explanation?.hide();
    }
    showDevelopers(values, answer);
    if (outcome.decision) await explanation?.show(requestJson(values), values, outcome.decision);
    if (question !== asked) return;
    pause = setTimeout(() => settle(outcome), patience);
  };

  /** @param {Outcome} outcome */
  const settle = ({ decision, problems }) => {
    if (!decision) {
      panel.refuse(problems);
      form.showProblems(problems);
    }
    byId('announcement').textContent = decision ? decisionSentence(decision, description) : problemsSentence(problems, form.feature);
  };

  const ask = (/** @type {number} */ patience) => update(patience).catch(showFailure);
  byId('form').addEventListener('input', () => ask(PAUSE));
  byId('form').addEventListener('change', () => ask(0));
  byId('form').addEventListener('reset', () => setTimeout(ask, 0, 0));
  byId('form').addEventListener('submit', (event) => event.preventDefault());
  followNetwork();
  await update(0);
  showOnly('ready');
}

/** @typedef {{ decision?: Decision, problems: Problem[] }} Outcome */

/**
 * @param {Answer} answer
 * @returns {Outcome}
 */
function readAnswer({ status, body }) {
  const answer = JSON.parse(body);
  if (status === 200) return { decision: answer, problems: [] };
  if (status === 422) return { problems: answer.detail };
  throw new Error(answer.detail);
}

/** @param {Error} error */
function showFailure(error) {
  byId('failure-reason').textContent = error.message;
  showOnly('failure');
}

/** @param {'loading' | 'failure' | 'ready'} shown */
function showOnly(shown) {
  for (const id of ['loading', 'failure', 'ready']) byId(id).hidden = id !== shown;
}

/** Tells when the page is offline; nothing else changes. */
function followNetwork() {
  const show = () => { byId('offline').hidden = navigator.onLine; };
  addEventListener('online', show);
  addEventListener('offline', show);
  show();
}

/**
 * Starts the service worker, and marks the page when it has what it needs: from then on nothing is asked for. Where
 * browsers allow no service worker, nothing is kept.
 */
async function keepOffline() {
  if (!navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register(new URL('sw.js', import.meta.url));
    await navigator.serviceWorker.ready;
    document.documentElement.dataset.offline = 'ready';
  } catch (error) {
    console.info(`The page will not work offline: ${error instanceof Error ? error.message : error}`);
  }
}
