// A picker that stands alone.

function render({ model, el }) {
  const part = partOf(model, sender(model));
  const root = make('div', { className: 'kf-form' }, picker(part));
  el.replaceChildren(root);
  return part.stop;
}

export default { render };
