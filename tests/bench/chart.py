"""Charts as SVG, by hand.

Lines: a logarithmic x axis, a linear y axis, one line a series. Bars: one a name, from zero.
"""
import math
import statistics
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 80, 110, 50, 60
COLOURS = ('#1b6ca8', '#d1495b', '#6a994e', '#7b2d8b')
TICKS = 5


def nice(value):
    """A number for an axis: 1.5M rather than 1500000."""
    for unit, size in (('M', 1e6), ('k', 1e3)):
        if value >= size:
            return '%.3g%s' % (value / size, unit)
    return '%.3g' % value


class Axes:
    """Turns values into places on the sheet."""

    def __init__(self, series):
        points = [point for line in series.values() for point in line]
        self.x_low = math.log10(max(min(x for x, _ in points), 1e-9))
        self.x_high = math.log10(max(x for x, _ in points))
        self.y_high = max(y for _, y in points) * 1.05 or 1

    def x(self, value):
        span = (self.x_high - self.x_low) or 1
        return LEFT + (math.log10(value) - self.x_low) / span * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return HEIGHT - BOTTOM - value / self.y_high * (HEIGHT - TOP - BOTTOM)


def text(x, y, words, anchor='middle', size=12, extra=''):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d"%s>%s</text>' % (
        x, y, anchor, size, extra, escape(words))


def grid(axes, x_values):
    lines = []
    for step in range(TICKS + 1):
        value = axes.y_high * step / TICKS
        y = axes.y(value)
        lines.append('<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>' % (
            LEFT, y, WIDTH - RIGHT, y))
        lines.append(text(LEFT - 8, y + 4, nice(value), 'end'))
    for value in x_values:
        lines.append(text(axes.x(value), HEIGHT - BOTTOM + 18, nice(value)))
    return lines


def draw_series(axes, name, points, colour):
    path = ' '.join('%.1f,%.1f' % (axes.x(x), axes.y(y)) for x, y in points)
    x, y = points[-1]
    parts = ['<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (path, colour)]
    if len(points) <= 20:
        parts += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (axes.x(a), axes.y(b), colour)
                  for a, b in points]
    parts.append(text(axes.x(x) + 8, axes.y(y) + 4, name, 'start', 12, ' fill="%s"' % colour))
    return parts


def x_ticks(axes, series):
    """The measured values where they are few, else powers of ten."""
    values = sorted({x for line in series.values() for x, _ in line})
    if len(values) <= 10:
        return values
    return [10 ** power for power in range(math.ceil(axes.x_low), math.floor(axes.x_high) + 1)]


def write_lines(path, title, x_name, y_name, series):
    """Writes one chart; `series` maps a name to its points (x, y)."""
    axes = Axes(series)
    parts = begin(title, HEIGHT) + [
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, x_name),
        text(16, TOP - 12, y_name, 'start'),
    ]
    parts += grid(axes, x_ticks(axes, series))
    for index, (name, points) in enumerate(series.items()):
        parts += draw_series(axes, name, points, COLOURS[index % len(COLOURS)])
    write(path, parts)


def begin(title, height):
    return ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'font-family="sans-serif">' % (WIDTH, height),
            '<rect width="100%" height="100%" fill="white"/>',
            text(WIDTH / 2, 24, title, size=16)]


def write(path, parts):
    with open(path, 'w') as svg:
        svg.write('\n'.join(parts + ['</svg>']) + '\n')


BAR_HEIGHT, BAR_LEFT, BAR_RIGHT = 34, 130, 90


def write_bars(path, title, values):
    """A bar a name, as long as the median of its values, with a line from the least to the most."""
    high = max(max(numbers) for numbers in values.values()) or 1
    parts = begin(title, TOP + BAR_HEIGHT * len(values) + 10)

    def x(value):
        return BAR_LEFT + value / high * (WIDTH - BAR_LEFT - BAR_RIGHT)

    for index, (name, numbers) in enumerate(values.items()):
        y, middle = TOP + index * BAR_HEIGHT, statistics.median(numbers)
        parts += [
            text(BAR_LEFT - 8, y + 17, name, 'end'),
            '<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>' % (
                BAR_LEFT, y, max(x(middle) - BAR_LEFT, 1), BAR_HEIGHT - 10, COLOURS[min(index, 2)]),
            '<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="black"/>' % (
                x(min(numbers)), y + 12, x(max(numbers)), y + 12),
            text(x(max(numbers)) + 8, y + 17, nice(middle), 'start')]
    write(path, parts)
