// Elements made of data. Text becomes text nodes and attributes, never markup.

type Child = Node | string | number | null | undefined | false
type Listeners = { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void }

export interface Props {
  [attribute: string]: string | number | boolean | undefined | null | Listeners
  on?: Listeners
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  set(element, props)
  append(element, children)
  return element
}

export function svg(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  set(element, props)
  append(element, children)
  return element
}

function set(element: Element, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value as Listeners)) {
        element.addEventListener(event, listener as EventListener)
      }
    } else if (value === true) {
      element.setAttribute(name, '')
    } else if (value !== false && value !== undefined && value !== null) {
      element.setAttribute(name, String(value))
    }
  }
}

function append(element: Element, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue
    element.append(child instanceof Node ? child : shown(String(child)))
  }
}

export function replace(element: Element, ...children: Child[]): void {
  element.replaceChildren()
  append(element, children)
}

export function button(label: string, click: () => void, props: Props = {}): HTMLButtonElement {
  return h('button', { type: 'button', ...props, on: { click } }, label)
}

export function field(label: string, control: HTMLElement, ...rest: Child[]): HTMLLabelElement {
  return h('label', { class: 'field' }, h('span', {}, label), control, ...rest)
}

export function select(
  options: (string | [string, string])[],
  chosen: string,
  change: (value: string) => void,
  props: Props = {},
): HTMLSelectElement {
  const made = h('select', { ...props, on: { change: () => change(made.value) } })
  for (const option of options) {
    const [value, label] = typeof option === 'string' ? [option, option] : option
    made.append(h('option', { value, selected: value === chosen }, label))
  }
  return made
}

// What is not seen, or turns what is seen around: control characters, marks of direction, joiners
// and blanks without width, separators, halves of surrogate pairs.
const UNSEEN =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

function sign(character: string): string {
  return `⟨U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`
}

export function shown(text: string): string {
  return text.replace(UNSEEN, sign)
}

export function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text
}

// Put a text in place for reading by offsets: what is unseen becomes an element that counts as one
// character and shows a sign.
export function appendText(parent: Element, text: string): void {
  let at = 0
  for (const match of text.matchAll(UNSEEN)) {
    if (match.index > at) parent.append(text.slice(at, match.index))
    const isLineEnd = match[0] === '\r' && text[match.index + 1] === undefined
    const mark = isLineEnd ? '' : sign(match[0])
    parent.append(h('span', { class: 'unseen', 'data-shown': mark }))
    at = match.index + match[0].length
  }
  if (at < text.length) parent.append(text.slice(at))
}
