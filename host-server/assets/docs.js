// Shows /openapi.json: each operation with its fields, and a form to try it.

const node = (name, text = '', children = []) => {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
};

const resolve = (api, schema) =>
  schema?.$ref ? schema.$ref.slice(2).split('/').reduce((at, key) => at[key], api) : schema;

const words = (schema) => {
  if (schema.anyOf) return schema.anyOf.map(words).join(' or ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const type = [schema.type ?? 'any'].flat().join(' or ');
  return schema.enum ? `${type}: ${schema.enum.map((one) => JSON.stringify(one)).join(', ')}` : type;
};

const fields = (schema) => {
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) =>
    node('tr', '', [
      node('td', '', [node('code', name)]),
      node('td', words(field)),
      node('td', schema.required?.includes(name) ? 'yes' : 'no'),
      node('td', field.description ?? ''),
    ]),
  );
  const head = ['Field', 'Type', 'Required', 'Meaning'].map((title) => node('th', title));
  return node('table', '', [node('thead', '', [node('tr', '', head)]), node('tbody', '', rows)]);
};

const send = async (path, verb, body) => {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const key = document.getElementById('key').value;
  if (key) headers['x-api-key'] = key;
  const answer = await fetch(path, { method: verb.toUpperCase(), headers, body });
  const text = await answer.text();
  try {
    return `${answer.status}\n${JSON.stringify(JSON.parse(text), null, 2)}`;
  } catch {
    return `${answer.status}\n${text}`;
  }
};

const tryIt = (path, verb, schema, operation) => {
  const form = node('form');
  const parameters = (operation.parameters ?? []).map((parameter) => {
    const input = node('input');
    input.value = parameter.example ?? '';
    form.append(node('label', `${parameter.name} `, [input]), ' ');
    return [parameter.name, input];
  });
  const text = schema && node('textarea');
  if (text) {
    const example = schema.examples?.[0] ?? [];
    text.value = JSON.stringify(example, null, 2);
    text.setAttribute('aria-label', 'Request body');
    form.append(text);
  }
  const answer = node('pre');
  answer.hidden = true;
  form.append(node('button', 'Send'), answer);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const filled = parameters.reduce(
      (path, [name, input]) => path.replace(`{${name}}`, encodeURIComponent(input.value)),
      path,
    );
    answer.textContent = await send(filled, verb, text?.value).catch((error) => String(error));
    answer.hidden = false;
  });
  return form;
};

const operation = (api, path, verb, operation) => {
  const content = operation.requestBody?.content?.['application/json'];
  const schema = resolve(api, content?.schema);
  const verbNode = node('span', `${verb.toUpperCase()} `);
  verbNode.className = 'verb';
  const title = node('h2', '', [verbNode, path]);
  const section = node('section', '', [title, node('p', operation.summary ?? '')]);
  if (operation.description) section.append(node('p', operation.description));
  if (schema?.properties) section.append(fields(schema));
  section.append(tryIt(path, verb, schema, operation));
  return section;
};

const show = async () => {
  const api = await (await fetch('/openapi.json')).json();
  document.title = api.info.title;
  document.getElementById('title').textContent = `${api.info.title} ${api.info.version}`;
  document.getElementById('about').textContent = api.info.description;
  const sections = Object.entries(api.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, one]) => operation(api, path, verb, one)),
  );
  document.getElementById('operations').replaceChildren(...sections);
};

show();
