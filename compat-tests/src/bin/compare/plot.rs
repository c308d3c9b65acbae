//! A measure of all guests as horizontal bars.

use std::fmt::Write as _;

use crate::run::{Measure, Run};

/// Two for each operation that has the measure, one where the C library cannot do it.
pub fn bars(run: &Run, measure: &Measure) -> String {
    const LEFT: u64 = 150;
    const WIDTH: u64 = 420;
    let rows: Vec<_> = run
        .costs
        .iter()
        .filter(|cost| cost.measure == measure.name)
        .collect();
    let values = rows.iter().flat_map(|cost| [cost.c, Some(cost.ours)]);
    let largest = values.flatten().max().unwrap_or(1).max(1);
    let height = 50 + 40 * rows.len();
    let heading = measure.heading;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"680\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"680\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"20\" font-size=\"14\">{heading}: C library (grey), this library (blue)</text>\n"
    );
    let mut y = 40;
    for cost in rows {
        let _ = writeln!(
            svg,
            "<text x=\"10\" y=\"{}\">{} {}</text>",
            y + 18,
            cost.guest,
            cost.operation
        );
        for (value, colour) in [(cost.c, "#999999"), (Some(cost.ours), "#2266cc")] {
            if let Some(value) = value {
                let width = (value * WIDTH / largest).max(1);
                let _ = writeln!(
                    svg,
                    "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width}\" height=\"13\" fill=\"{colour}\"/>\
                     <text x=\"{}\" y=\"{}\">{value}</text>",
                    LEFT + width + 6,
                    y + 11
                );
            }
            y += 15;
        }
        y += 10;
    }
    svg.push_str("</svg>\n");
    svg
}
