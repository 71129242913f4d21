/** The queue: which applications wait, in which order, and which one is open. */

import { get, onlyLatest } from './officer-api.js';
import { badge, counted, nameOf, percentText, stateWord, timeText } from './officer-text.js';
import { byId, element } from './dom.js';

/** Applications that are asked for at once. */
const PAGE = 50;

/**
 * @param {(index: number) => void} open opens an application
 * @param {(error: unknown) => void} fail
 */
export function buildQueue(open, fail) {
  const list = byId('list');
  const [state, outcome] = ['state', 'outcome'].map((id) => /** @type {HTMLSelectElement} */ (byId(id)));
  /** @type {any[]} */
  let shown = [];
  let next = null;
  /** As many are asked for again. */
  let wanted = PAGE;
  let current = -1;
  /** @type {HTMLButtonElement[]} */
  let buttons = [];
  const asked = onlyLatest();

  const query = () => ({ state: state.value, outcome: outcome.value });

  const show = (/** @type {any[]} */ decisions) => {
    const focused = buttons.findIndex((button) => button === document.activeElement);
    const kept = focused < 0 ? null : shown[focused]?.index;
    shown = decisions;
    buttons = [];
    list.replaceChildren(...decisions.map((decision) => {
      const button = row(decision, decision.index === current);
      button.addEventListener('click', () => open(decision.index));
      buttons.push(button);
      return element('li', {}, button);
    }));
    // A refresh leaves the focus where it was.
    if (kept !== null) buttons[shown.findIndex(({ index }) => index === kept)]?.focus();
  };

  const load = async (/** @type {number} */ limit, /** @type {number | undefined} */ after) => {
    const signal = asked.next();
    const decisions = after === undefined ? [] : [...shown];
    const enough = decisions.length + limit;
    let answer;
    do {
      // A page of long records is shorter.
      answer = await get('decisions', signal, { ...query(), limit: enough - decisions.length, after: answer ? answer.next : after });
      decisions.push(...answer.decisions);
    } while (answer.next !== null && decisions.length < enough);
    next = answer.next;
    byId('more').hidden = next === null;
    byId('queue-problem').textContent = '';
    show(decisions);
    const waiting = answer.open + answer.proposed;
    const text = waiting === 0 ? 'Nothing waits for a decision.' : `${counted(waiting, 'application waits', 'applications wait')} for a decision.`;
    // Said again only when it changed, so that a screen reader is not disturbed.
    if (byId('count').textContent !== text) byId('count').textContent = text;
  };

  const reload = () => load(Math.min(200, wanted), undefined).catch(fail);
  /** What is shown does not go on in another list. */
  const end = () => {
    wanted = PAGE;
    byId('more').hidden = true;
  };
  for (const select of [state, outcome]) select.addEventListener('change', () => { end(); reload(); });
  byId('refresh').addEventListener('click', reload);
  byId('more').addEventListener('click', () => {
    wanted = shown.length + PAGE;
    load(PAGE, next ?? undefined).catch(fail);
  });

  return {
    reload,
    /** Forgets the applications, and those that are being asked for. */
    clear: () => {
      asked.end();
      end();
      current = -1;
      show([]);
      for (const id of ['count', 'queue-problem']) byId(id).textContent = '';
    },
    /** @param {number} index the application that is open; -1 for none */
    mark: (index) => {
      current = index;
      buttons.forEach((button, at) => {
        if (shown[at].index === index) button.setAttribute('aria-current', 'true');
        else button.removeAttribute('aria-current');
      });
    },
    /** @param {number} step 1 for the next application, -1 for the one before */
    move: (step) => {
      const at = shown.findIndex(({ index }) => index === current);
      const to = shown[at < 0 ? (step > 0 ? 0 : shown.length - 1) : at + step];
      if (to) open(to.index);
    },
    /** Gives the open application's row the focus, or the first one's. */
    focus: () => {
      const at = shown.findIndex(({ index }) => index === current);
      (buttons[Math.max(at, 0)] ?? byId('refresh')).focus();
    },
  };
}

/**
 * @param {any} decision
 * @param {boolean} isCurrent
 */
function row(decision, isCurrent) {
  const { state, outcome, probability, rules, decided, proposal, unreadable } = decision;
  const person = decided ?? proposal;
  const about = [
    percentText(probability),
    rules.join(', '),
    state === 'proposed' && proposal ? `proposed by ${proposal.by}` : '',
    decided?.by ? `by ${[decided.by, decided.seconded_by].filter(Boolean).join(' and ')}` : '',
    unreadable ? 'not all of it can be read' : '',
  ];
  const button = element('button', { type: 'button', class: 'row', 'aria-current': isCurrent && 'true' },
    element('span', { class: 'row-name' }, nameOf(decision)),
    state === 'erased' ? badge('erased', stateWord(state)) : badge(person?.outcome ?? outcome, state === 'proposed' ? 'Proposed' : undefined),
    element('span', { class: 'caption about' }, timeText(decision.time), ...about.filter(Boolean).map((text) => ` · ${text}`)));
  return button;
}
