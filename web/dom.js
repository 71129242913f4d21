/** Text is always set as text, never as markup. */

/**
 * The element with this id, which `index.html` promises.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element with the id "${id}"`);
  return found;
}

/**
 * A new element. An attribute that is `undefined`, `null` or `false` is left out; `true` is the empty text.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string | number | boolean | null | undefined>} [attributes]
 * @param {...(Node | string)} children strings become text
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) {
      made.setAttribute(key, value === true ? '' : String(value));
    }
  }
  made.append(...children);
  return made;
}

/**
 * A button that copies a text to the clipboard and confirms it; an empty text where the browser offers no clipboard
 * (a page loaded over plain HTTP from another machine).
 * @param {string} label what is copied, for screen readers: "Copy the digest"
 * @param {() => string} text
 * @returns {HTMLElement | string}
 */
export function copyButton(label, text) {
  if (!navigator.clipboard) return '';
  const button = element('button', { type: 'button', class: 'button quiet copy', 'aria-label': label }, 'Copy');
  button.addEventListener('click', async () => {
    const done = await navigator.clipboard.writeText(text()).then(() => 'Copied', () => 'Not allowed');
    button.textContent = done;
    byId('announcement').textContent = done;
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  return button;
}
