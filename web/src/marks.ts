// A text with marks on it: nested where mentions nest, cut where they cross.

import { appendText, cut as shorten, h, shown } from './dom'
import type { Points } from './points'

export interface Mark {
  start: number
  end: number
  label: string
  hue: number
  kind: 'entity' | 'trigger' | 'argument'
  title: string
  index: number
}

// Characters of a line that stand in one block; longer lines go on in the next.
const BLOCK = 1500

// Return the blocks of a text as [start, end) in code points, without the line ends between them.
export function blocks(points: Points, marks: Mark[]): [number, number][] {
  const covered = cover(marks)
  const found: [number, number][] = []
  let start = 0
  let unit = 0
  for (const line of points.text.split('\n')) {
    const end = points.point(unit + line.length)
    let from = start
    while (end - from > BLOCK) {
      const to = cut(points, covered, from, end)
      if (to >= end) break
      found.push([from, to])
      from = to
    }
    found.push([from, end])
    unit += line.length + 1
    start = end + 1
  }
  return found
}

// Merge the marks into stretches that must not be cut.
function cover(marks: Mark[]): [number, number][] {
  const merged: [number, number][] = []
  for (const { start, end } of [...marks].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    if (last && start < last[1]) last[1] = Math.max(last[1], end)
    else merged.push([start, end])
  }
  return merged
}

function cut(points: Points, covered: [number, number][], from: number, end: number): number {
  const part = points.slice(from, Math.min(end, from + BLOCK))
  const sentence = Math.max(part.lastIndexOf('。'), part.lastIndexOf('！'), part.lastIndexOf('；'))
  const wanted = sentence > part.length / 2 ? part.slice(0, sentence + 1) : part
  const place = from + [...wanted].length
  const over = covered.find(([a, b]) => a < place && place < b)
  // A mark that is longer than a block is cut all the same.
  return over && over[1] - from < 2 * BLOCK ? over[1] : place
}

// Blocks that are marked at once; others hold their plain text until they come into view.
const AT_ONCE = 40

// Return the blocks as elements; each knows where it starts. `container` is what scrolls.
export function markedBlocks(points: Points, marks: Mark[], container: HTMLElement): HTMLElement[] {
  const waiting = new WeakMap<Element, () => void>()
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue
        observer.unobserve(target)
        waiting.get(target)?.()
      }
    },
    { root: container, rootMargin: '600px' },
  )
  const sorted = [...marks].sort(order)
  const lengths = sorted.map(({ start, end }) => end - start)
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0)
  return blocks(points, sorted).map(([start, end], number) => {
    const block = h('div', { class: 'block', 'data-start': start })
    // Only marks that begin less than the longest one before the block can reach into it.
    let i = lower(sorted, start - longest)
    const inside: Mark[] = []
    for (; i < sorted.length && sorted[i].start < end; i++) {
      const mark = sorted[i]
      if (mark.end > start) {
        inside.push({ ...mark, start: Math.max(mark.start, start), end: Math.min(mark.end, end) })
      }
    }
    if (number < AT_ONCE || !inside.length) fill(block, points, inside, start, end)
    else {
      appendText(block, points.slice(start, end))
      waiting.set(block, () => {
        block.replaceChildren()
        fill(block, points, inside, start, end)
      })
      observer.observe(block)
    }
    if (start === end) {
      block.classList.add('blank')
      block.append(h('br'))
    }
    return block
  })
}

function order(a: Mark, b: Mark): number {
  return a.start - b.start || b.end - a.end || RANK[a.kind] - RANK[b.kind]
}

const RANK = { entity: 0, trigger: 1, argument: 2 }

function lower(sorted: Mark[], start: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle].start < start) low = middle + 1
    else high = middle
  }
  return low
}

// Put the text of [start, end) in place with its marks, which lie within it and are in order.
export function fill(
  parent: HTMLElement,
  points: Points,
  marks: Mark[],
  start: number,
  end: number,
): void {
  const left = [...marks]
  const open: { element: HTMLElement; end: number }[] = [{ element: parent, end }]
  let at = start
  const advance = (to: number): void => {
    if (to > at) appendText(open.at(-1)!.element, points.slice(at, to))
    at = Math.max(at, to)
  }
  const close = (): void => {
    advance(open.at(-1)!.end)
    open.pop()
  }
  while (left.length) {
    const mark = left.shift()!
    while (open.length > 1 && open.at(-1)!.end <= mark.start) close()
    const room = open.at(-1)!.end
    let piece = mark
    if (mark.end > room) {
      // They cross: what reaches out goes on behind the outer one.
      piece = { ...mark, end: room, label: '' }
      const rest = { ...mark, start: room }
      const place = left.findIndex((other) => order(rest, other) < 0)
      left.splice(place < 0 ? left.length : place, 0, rest)
    }
    advance(piece.start)
    const element = markElement(piece)
    open.at(-1)!.element.append(element)
    open.push({ element, end: piece.end })
  }
  while (open.length) close()
}

function markElement(mark: Mark): HTMLElement {
  const element = h('mark', {
    class: mark.kind,
    title: shown(mark.title),
    'data-index': mark.index,
    'data-label': mark.label ? shown(shorten(mark.label, 20)) : undefined,
  })
  element.style.setProperty('--hue', String(mark.hue))
  return element
}

// Where a place of the DOM is in the text, in code points; null outside of every block.
export function pointAt(node: Node, offset: number): number | null {
  const element = node instanceof Element ? node : node.parentElement
  const block = element?.closest<HTMLElement>('[data-start]')
  if (!block) return null
  const range = document.createRange()
  range.setStart(block, 0)
  range.setEnd(node, offset)
  return Number(block.dataset.start) + length(range.cloneContents())
}

// The place of the DOM at a code point: the reverse of `pointAt`.
export function placeOf(container: Element, point: number): [Node, number] | null {
  const all = [...container.querySelectorAll<HTMLElement>('[data-start]')]
  const block = all.filter((one) => Number(one.dataset.start) <= point).at(-1)
  if (!block) return null
  let left = point - Number(block.dataset.start)
  const walker = document.createTreeWalker(block, NodeFilter.SHOW_ALL)
  let last: [Node, number] = [block, 0]
  while (walker.nextNode()) {
    const node = walker.currentNode
    if (node instanceof Text) {
      const characters = [...node.data]
      if (characters.length >= left) return [node, characters.slice(0, left).join('').length]
      left -= characters.length
      last = [node, node.data.length]
    } else if ((node as Element).classList.contains('unseen')) left -= 1
  }
  return last
}

function length(part: DocumentFragment): number {
  const text = part.textContent ?? ''
  const wide = text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0
  return text.length - wide + part.querySelectorAll('.unseen').length
}
