const AGAIN = 1000;

/** Letters wait in the window: they outlive the component that wrote them, and this one. */
const box = window.dataflowMailbox || (window.dataflowMailbox = {
  letters: [],
  number: 0,
  wake: () => {},
  /** Have the server told what has become of a document; `content` is its `texts` or its `turns`. */
  post(document, content) {
    this.number += 1;
    this.letters.push({ number: this.number, document, ...content });
    this.wake();
  },
  /** Take back what is still to be told of a document that is on screen again; the latest, or nothing. */
  reclaim(document) {
    const found = this.letters.filter((letter) => letter.document === document);
    this.letters = this.letters.filter((letter) => letter.document !== document);
    return found.at(-1);
  },
});

export default function ({ data, setStateValue }) {
  box.letters = box.letters.filter(({ number }) => number > data.received);
  box.number = Math.max(box.number, data.received);
  let timer = 0;
  const send = () => {
    clearTimeout(timer);
    if (!box.letters.length) return;
    // What is sent while a page comes and another goes can be dropped on its way: it is sent until it is answered.
    setStateValue('post', { letters: box.letters, at: Date.now() });
    timer = setTimeout(send, AGAIN);
  };
  box.wake = send;
  send();
  return () => clearTimeout(timer);
}
