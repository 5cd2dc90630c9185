// Offsets: the service counts code points, JavaScript counts UTF-16 units.

const ASTRAL = /[\ud800-\udbff][\udc00-\udfff]/g

export class Points {
  readonly length: number
  // Code points at which characters of two units stand.
  private readonly wide: number[] = []

  constructor(readonly text: string) {
    let before = 0
    for (const match of text.matchAll(ASTRAL)) {
      this.wide.push(match.index - before)
      before += 1
    }
    this.length = text.length - before
  }

  // The unit at which a code point begins.
  unit(point: number): number {
    return point + below(this.wide, point)
  }

  // The code point that a unit belongs to.
  point(unit: number): number {
    let low = 0
    let high = this.wide.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.wide[middle] + middle < unit) low = middle + 1
      else high = middle
    }
    return unit - low
  }

  slice(start: number, end: number): string {
    return this.text.slice(this.unit(start), this.unit(end))
  }

  // Where a string stands, as code points.
  places(found: string): [number, number][] {
    const places: [number, number][] = []
    if (!found) return places
    for (let at = this.text.indexOf(found); at >= 0; at = this.text.indexOf(found, at + 1)) {
      places.push([this.point(at), this.point(at + found.length)])
      if (places.length === 200) break
    }
    return places
  }
}

export function countPoints(text: string): number {
  return text.length - (text.match(ASTRAL)?.length ?? 0)
}

function below(sorted: number[], value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle] < value) low = middle + 1
    else high = middle
  }
  return low
}
