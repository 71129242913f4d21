/**
 * Explains each decision: at once what pulled it and where it flips, and when the person pauses, what would change it.
 * @import { Decision, Description, Explanation, RecourseQuestion, Value } from '../model-wasm/src/model.js'
 * @import { Engine } from './engine.js'
 */

import { byId } from './dom.js';
import { buildHistory } from './history.js';
import { buildLanguages } from './language.js';
import { buildLetter } from './letter.js';
import { buildOptions } from './options.js';
import { buildWhy } from './why.js';

/** Milliseconds after the last change until ways to an approval are looked for. */
const PAUSE = 300;

/**
 * @param {Description} description
 * @param {Engine} engine
 * @param {{ set: (name: string, value: Value) => void }} form
 * @param {() => void} again asks for the explanation again, in another language or with other fields frozen
 */
export function buildExplanation(description, engine, form, again) {
  const language = buildLanguages(description, again);
  const [why, history, letter] = [buildWhy(description), buildHistory(description), buildLetter(description)];
  const options = buildOptions(description, form, again);
  let asked = 0;
  let pause = 0;

  /**
   * @param {string} application JSON
   * @param {RecourseQuestion} recourse
   * @returns {Promise<Explanation | null>} null where it is refused, or where something else was asked meanwhile
   */
  const explain = async (application, recourse) => {
    const mine = asked;
    const rest = JSON.stringify({ language: language(), recourse });
    const { status, body } = await engine.explain(`{"application":${application},${rest.slice(1)}`);
    return status === 200 && mine === asked ? JSON.parse(body) : null;
  };

  return {
    /**
     * @param {string} application JSON
     * @param {[string, string][]} values
     * @param {Decision} decision
     */
    show: async (application, values, decision) => {
      asked += 1;
      clearTimeout(pause);
      const chosen = language();
      const explanation = await explain(application, { options: 0 });
      byId('explanation').hidden = false;
      history.show(values, decision, chosen);
      if (!explanation) return;
      why.show(explanation, chosen);
      options.showFlips(explanation, chosen);
      letter.show(explanation, chosen);
      if (decision.approve) return;
      options.wait();
      pause = setTimeout(async () => {
        const found = await explain(application, { freeze: options.freeze() });
        if (found?.recourse) options.showOptions(found.recourse, chosen);
      }, PAUSE);
    },
    /** There is no decision to explain. */
    hide: () => {
      asked += 1;
      clearTimeout(pause);
      byId('explanation').hidden = true;
    },
  };
}
