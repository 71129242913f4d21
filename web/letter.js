/**
 * The letter that tells an applicant of a decline, with its principal reasons, to be printed. A draft: what a lender has
 * to add, and whether it suffices, is for the lender to know.
 * @import { Description, Explanation } from '../model-wasm/src/model.js'
 */

import { byId, element } from './dom.js';

/** The fixed sentences. A language that has none is answered in English, with its own reasons. */
const TEXTS = {
  en: {
    subject: 'Notice of action taken',
    greeting: (/** @type {string} */ name) => `Dear ${name || 'applicant'},`,
    decline: 'Thank you for your application. We are unable to approve it. The principal reasons are:',
    refer: 'Thank you for your application. It could not be approved automatically, and a person will decide on it. The principal reasons are:',
    model: (/** @type {string} */ title, /** @type {string} */ version) => `The decision was made with the model “${title}”, version ${version}.`,
    closing: 'Yours sincerely',
  },
  de: {
    subject: 'Entscheidung über Ihren Antrag',
    greeting: (/** @type {string} */ name) => (name ? `Guten Tag ${name},` : 'Guten Tag,'),
    decline: 'vielen Dank für Ihren Antrag. Wir können ihm leider nicht zustimmen. Die wichtigsten Gründe sind:',
    refer: 'vielen Dank für Ihren Antrag. Er konnte nicht automatisch bewilligt werden; ein Mensch wird darüber entscheiden. Die wichtigsten Gründe sind:',
    model: (/** @type {string} */ title, /** @type {string} */ version) => `Die Entscheidung beruht auf dem Modell „${title}“, Version ${version}.`,
    closing: 'Mit freundlichen Grüßen',
  },
};

/** What the person who prints fills in: nothing of it is kept. */
const FIELDS = ['lender', 'applicant', 'notice'];

/** @param {Description} description */
export function buildLetter({ model }) {
  /** @type {{ explanation: Explanation, language: string } | null} */
  let current = null;
  const entered = (/** @type {string} */ id) =>
    /** @type {HTMLInputElement | HTMLTextAreaElement} */ (byId(`letter-${id}`)).value.trim();

  const write = () => {
    if (!current) return;
    const { explanation: { decision, reasons }, language } = current;
    const key = /** @type {'en' | 'de'} */ (language.split('-')[0]);
    const texts = TEXTS[key] ?? TEXTS.en;
    const paragraphs = (/** @type {string} */ text) => text.split('\n').filter(Boolean).map((one) => element('p', {}, one));
    const [lender] = entered('lender').split('\n');
    const letter = byId('letter');
    letter.lang = TEXTS[key] ? language : 'en';
    letter.replaceChildren(
      element('address', {}, ...paragraphs(entered('lender'))),
      element('p', { class: 'letter-date' }, new Date().toLocaleDateString(letter.lang, { dateStyle: 'long' })),
      element('h3', {}, texts.subject),
      element('p', {}, texts.greeting(entered('applicant'))),
      element('p', {}, decision.outcome === 'refer' ? texts.refer : texts.decline),
      element('ol', { lang: language }, ...(reasons ?? []).map(({ text }) => element('li', {}, text))),
      ...paragraphs(entered('notice')),
      element('p', {}, texts.model(model.title ?? model.name, model.version)),
      element('p', {}, texts.closing),
      element('p', {}, lender ?? ''),
    );
  };
  for (const id of FIELDS) byId(`letter-${id}`).addEventListener('input', write);
  byId('letter-print').addEventListener('click', () => {
    document.body.dataset.print = 'letter';
    print();
  });
  addEventListener('afterprint', () => { delete document.body.dataset.print; });

  return {
    /**
     * @param {Explanation} explanation
     * @param {string} language
     */
    show: (explanation, language) => {
      current = { explanation, language };
      byId('letter-card').hidden = explanation.decision.approve || !explanation.reasons?.length;
      write();
    },
  };
}
