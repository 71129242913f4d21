/** What a person may do with an application: decide it, tell that the applicant was notified, and how the loan fared. */

import { post, Refused } from './officer-api.js';
import { count, nameOf } from './officer-text.js';
import { byId, element } from './dom.js';

/**
 * @param {any} one the application
 * @param {any} me who is signed in
 * @param {(code: string) => string} reasonText
 * @param {(problem?: string) => void} changed
 */
export function buildDecide(one, me, reasonText, changed) {
  const parts = [];
  // What the model approved or declined may be decided otherwise, too.
  if (!one.decided) parts.push(decide(one, me, changed));
  parts.push(afterwards(one, changed));
  return element('div', { class: 'stack' }, ...parts);
}

/**
 * @param {any} one
 * @param {any} me
 * @param {(problem?: string) => void} changed
 */
function decide(one, me, changed) {
  // Where one person decides, what was proposed before waits for nobody.
  const proposal = me.four_eyes ? one.proposal : null;
  const mine = proposal?.by === me.name;
  if (mine) return waiting('You proposed this decision. Another person has to confirm it.');
  if (!proposal && me.role === 'reviewer') {
    return waiting(me.four_eyes ? 'An officer decides first; then you can confirm it or propose another outcome.' : 'An officer decides.');
  }
  const note = element('textarea', { id: 'note', rows: 3, maxlength: me.note_limit, 'aria-describedby': 'note-hint' });
  const left = element('p', { id: 'note-hint', class: 'hint' });
  const showLeft = () => { left.textContent = `Optional; ${count(me.note_limit - note.value.length)} characters left`; };
  note.addEventListener('input', showLeft);
  showLeft();
  const reason = element('select', { id: 'reason', required: true, 'aria-describedby': 'decide-problem' },
    element('option', { value: '' }, 'Choose a reason'),
    ...me.reasons.map((/** @type {any} */ { code, text }) =>
      element('option', { value: code, selected: proposal?.reason === code }, text ? `${text} (${code})` : code)));
  const label = proposal ? 'Confirm or propose' : me.four_eyes ? 'Propose this decision' : 'Record this decision';
  const form = element('form', { id: 'decide', class: 'card', autocomplete: 'off', novalidate: true, 'aria-labelledby': 'decide-heading' },
    element('h2', { id: 'decide-heading' }, 'Your decision'),
    one.outcome === 'refer' ? '' : element('p', { class: 'caption' },
      `The model and its rules ${one.outcome === 'approve' ? 'approved' : 'declined'} this application. Another decision overrides them, and counts as an override.`),
    me.four_eyes ? element('p', { class: 'caption' }, 'Two people decide: the second confirms what the first proposed.') : '',
    element('fieldset', { class: 'field' }, element('legend', {}, 'Outcome'),
      element('div', { class: 'segments' }, segment('approve', 'Approve', proposal), segment('decline', 'Decline', proposal))),
    field('reason', 'Reason', element('span', { class: 'box select' }, reason)),
    field('note', 'Note', element('div', { class: 'box' }, note), left),
    element('p', { id: 'decide-problem', class: 'problem', role: 'alert' }),
    element('p', {}, element('button', { type: 'submit', class: 'button primary' }, label)));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const outcome = new FormData(form).get('outcome');
    if (!outcome || !reason.value) {
      byId('decide-problem').textContent = outcome ? 'Choose a reason.' : 'Choose an outcome: approve or decline.';
      (outcome ? reason : /** @type {HTMLElement} */ (form.querySelector('[name=outcome]'))).focus();
      return;
    }
    const body = { outcome, reason: reason.value, ...(note.value.trim() && { note: note.value.trim() }) };
    send(form, `decisions/${one.index}/override`, body, 'decide-problem', (/** @type {any} */ answer) => {
      const done = answer.state === 'decided' ? 'Recorded' : 'Proposed';
      byId('announcement').textContent = `${done}: ${outcome === 'approve' ? 'approved' : 'declined'}, record ${answer.index}.`;
      changed();
    }, whenLeft(one, changed));
  });
  return form;
}

/** @param {string} sentence why the person cannot decide now */
const waiting = (sentence) => element('section', { class: 'card', 'aria-labelledby': 'decide-heading' },
  element('h2', { id: 'decide-heading' }, 'Your decision'), element('p', { class: 'caption' }, sentence));

/**
 * @param {string} value
 * @param {string} label
 * @param {any} proposal what is proposed is chosen already
 */
const segment = (value, label, proposal) => element('label', { class: 'segment' },
  element('input', { type: 'radio', name: 'outcome', value, id: `outcome-${value}`, checked: proposal?.outcome === value }), element('span', {}, label));

/**
 * @param {string} id
 * @param {string} label
 * @param {...(Node | string)} content
 */
const field = (id, label, ...content) => element('div', { class: 'field' },
  element('label', { class: 'name', for: id }, element('span', {}, label)), ...content);

/**
 * @param {any} one
 * @param {(problem?: string) => void} changed
 */
function afterwards(one, changed) {
  const method = element('input', { id: 'method', maxlength: 64, required: true, value: 'letter' });
  const notice = small('notice', 'Record a notice', [field('method', 'How the applicant was told', element('div', { class: 'box' }, method))],
    () => ({ method: method.value.trim() }));
  const fared = element('select', { id: 'fared' },
    element('option', { value: 'repaid' }, 'Repaid'), element('option', { value: 'defaulted' }, 'Defaulted'));
  const on = element('input', { id: 'on', type: 'date' });
  const performance = small('performance', 'Record how the loan fared',
    [field('fared', 'The loan was', element('span', { class: 'box select' }, fared)), field('on', 'On (optional)', element('div', { class: 'box' }, on))],
    () => ({ outcome: fared.value, ...(on.value && { on: on.value }) }));
  return element('details', { class: 'card keyboard' }, element('summary', {}, 'Notice and performance'), notice, performance);

  /**
   * @param {string} route
   * @param {string} label
   * @param {HTMLElement[]} fields
   * @param {() => object} body
   */
  function small(route, label, fields, body) {
    const form = element('form', { class: 'small', autocomplete: 'off', novalidate: true, 'aria-label': label }, ...fields,
      element('p', { id: `${route}-problem`, class: 'problem', role: 'alert' }),
      element('p', {}, element('button', { type: 'submit', class: 'button' }, label)));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      send(form, `decisions/${one.index}/${route}`, body(), `${route}-problem`, (/** @type {any} */ answer) => {
        byId('announcement').textContent = `Recorded, record ${answer.index}.`;
        changed();
      }, whenLeft(one, changed));
    });
    return form;
  }
}

/**
 * Says which application a refusal is about when it is no longer the one that is open.
 * @param {any} one
 * @param {(problem?: string) => void} changed
 */
const whenLeft = (one, changed) => (/** @type {string} */ why) => changed(`${nameOf(one)}: ${why}`);

/** What was sent and is not yet answered, also of forms that were left. */
const sent = new Set();

/**
 * Sends once; what the server refuses is said beside the form, and nothing that was typed is lost.
 * @param {HTMLFormElement} form
 * @param {string} path
 * @param {object} body
 * @param {string} problem the id of the element that says what went wrong
 * @param {(answer: any) => void} done
 * @param {(why: string) => void} gone called where it is refused when the form is no longer there
 */
async function send(form, path, body, problem, done, gone) {
  if (sent.has(path)) {
    byId(problem).textContent = 'This was sent already, and its answer is waited for.';
    return undefined;
  }
  sent.add(path);
  const button = /** @type {HTMLButtonElement} */ (form.querySelector('[type=submit]'));
  button.disabled = true;
  byId(problem).textContent = '';
  try {
    const answer = await post(path, body).finally(() => sent.delete(path));
    done(answer);
  } catch (error) {
    const why = error instanceof Refused ? error.message : String(error);
    if (!form.isConnected) return gone(why);
    byId(problem).textContent = why;
    button.disabled = false;
    button.focus();
  }
  return undefined;
}
