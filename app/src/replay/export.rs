//! `spacetime replay export`: the entities' states over time as CSV, JSON Lines or Parquet. One table of columns
//! serves all three; rows are written as they come, never gathered.

mod parquet_file;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::json;
use sim::{EntityState, Simulation};

use super::Recording;
use crate::cli::{ExportArgs, ExportFormat};
use crate::entity;
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped};
use crate::progress::Progress;
use parquet_file::ParquetFile;

/// One value of a row; `None` where the entity has no such thing.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A number with a fraction.
    F64(Option<f64>),
    /// A whole number.
    I64(Option<i64>),
    /// A word.
    Text(&'static str),
}

/// The columns, in order. `q` turns body axes into ICRF axes; `u` is proper velocity; a place is
/// `cell * 1048576 m + offset` exactly, and `x_m` is that rounded.
pub const COLUMNS: [&str; 46] = [
    "tick",
    "time_s",
    "entity",
    "kind",
    "x_m",
    "y_m",
    "z_m",
    "cell_x",
    "cell_y",
    "cell_z",
    "offset_x_m",
    "offset_y_m",
    "offset_z_m",
    "ux_m_s",
    "uy_m_s",
    "uz_m_s",
    "qx",
    "qy",
    "qz",
    "qw",
    "spin_x_rad_s",
    "spin_y_rad_s",
    "spin_z_rad_s",
    "fuel_kg",
    "clock_lag_s",
    "hull_j",
    "player",
    "class",
    "fleet",
    "slot",
    "main",
    "translate_x",
    "translate_y",
    "translate_z",
    "rotate_x",
    "rotate_y",
    "rotate_z",
    "assist",
    "assist_ux_m_s",
    "assist_uy_m_s",
    "assist_uz_m_s",
    "ready_tick",
    "radius_m",
    "mass_kg",
    "shooter",
    "expires_quarters",
];

/// Runs `spacetime replay export`.
///
/// # Errors
/// [`Failure`] for what cannot be read on the way, and what cannot be written.
pub fn command(args: &ExportArgs, progress: Progress) -> Result<Outcome, Failure> {
    let mut recording = Recording::open(&args.file)?;
    let ticks = recording.reader.ticks();
    let mut simulation = recording.state_at(ticks.start)?.simulation;
    let mut table = Table::create(args.format, &args.out, &args.file)?;
    let bar = progress.ticks("exporting", ticks.end - ticks.start);
    let rate = recording.scenario.tick_rate_hz;
    let mut departed_at = None;
    let mut rows = 0_u64;
    let mut cut = None;
    let mut write = |simulation: &Simulation| -> Result<(), Failure> {
        let ids = args.entity.map_or_else(|| simulation.entity_ids(), |id| vec![id]);
        for state in ids.iter().filter_map(|&id| simulation.inspect(id)) {
            table.row(&row(simulation, rate, &state))?;
            rows += 1;
        }
        Ok(())
    };
    write(&simulation)?;
    for step in recording.reader.frames_from(ticks.start) {
        let step = match step {
            Ok(step) => step,
            Err(error) => {
                cut = Some(Failure::Incomplete { path: args.file.clone(), reason: error.to_string() });
                break;
            }
        };
        let report = simulation.step(&step.frame);
        if report.digest.total != step.digest {
            departed_at = Some(report.tick.0);
            break;
        }
        if (report.tick.0 - ticks.start).is_multiple_of(args.every) {
            write(&simulation)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    table.finish()?;
    if let Some(id) = args.entity
        && rows == 0
    {
        return Err(Failure::Misused(format!("there is no entity {id} at any exported tick")));
    }
    let last = simulation.tick().0;
    if args.json {
        output::print_json(&json!({
            "out": args.out.display().to_string(),
            "rows": rows,
            "first_tick": ticks.start,
            "last_tick": last,
            "columns": COLUMNS.as_slice(),
        }))?;
    } else {
        output::print(&format!(
            "{}: {} rows of {} columns, ticks {} to {}\n",
            args.out.display(),
            grouped(rows),
            COLUMNS.len(),
            grouped(ticks.start),
            grouped(last)
        ))?;
    }
    match (departed_at, cut.or_else(|| recording.loss())) {
        (Some(tick), _) => Ok(Outcome::Different(format!(
            "the table ends before tick {tick}: this build does not reproduce the recording there"
        ))),
        (None, Some(loss)) => Err(loss),
        (None, None) => Ok(Outcome::Fine),
    }
}

fn row(simulation: &Simulation, rate_hz: u32, state: &EntityState) -> [Cell; COLUMNS.len()] {
    use sim::field::Value;
    let position = entity::position(state);
    let metres = position.map(sim::Position::to_metres);
    let velocity = entity::vector(state, "Velocity", "proper_m_s");
    let attitude = entity::attitude(state);
    let spin = entity::vector(state, "Spin", "body_rad_s");
    let place = |axis: usize| Cell::F64(metres.map(|m| m[axis]));
    let cell = |axis: usize| Cell::I64(position.map(|p| p.cell[axis]));
    let offset = |axis: usize| Cell::F64(position.map(|p| p.offset[axis]));
    let u = |axis: usize| Cell::F64(velocity.map(|v| v[axis]));
    let q = |axis: usize| Cell::F64(attitude.map(|q| q.to_array()[axis]));
    let w = |axis: usize| Cell::F64(spin.map(|s| s[axis]));
    let number = |component, name| Cell::F64(entity::number(state, component, name));
    let whole = |component, name| {
        Cell::I64(match state.field(component, name) {
            Some(Value::U32(v)) => Some(i64::from(v)),
            Some(Value::I16(v)) => Some(i64::from(v)),
            Some(Value::I64(v)) => Some(v),
            // Ids and ticks stay far below 2^63.
            Some(Value::U64(v)) => i64::try_from(v).ok(),
            _ => None,
        })
    };
    let stick = |name, axis: usize| {
        Cell::I64(match state.field("Controls", name) {
            Some(Value::I16x3(v)) => Some(i64::from(v[axis])),
            _ => None,
        })
    };
    let reference = entity::vector(state, "Assist", "reference_m_s");
    let held = |axis: usize| Cell::F64(reference.map(|v| v[axis]));
    let mass = entity::number(state, "Solid", "mass_kg").or_else(|| entity::number(state, "Round", "mass_kg"));
    [
        Cell::I64(i64::try_from(simulation.tick().0).ok()),
        Cell::F64(Some(simulation.time().seconds(rate_hz))),
        Cell::I64(i64::try_from(state.id).ok()),
        Cell::Text(state.kind.name()),
        place(0),
        place(1),
        place(2),
        cell(0),
        cell(1),
        cell(2),
        offset(0),
        offset(1),
        offset(2),
        u(0),
        u(1),
        u(2),
        q(0),
        q(1),
        q(2),
        q(3),
        w(0),
        w(1),
        w(2),
        number("Tank", "fuel_kg"),
        number("Clock", "lag_s"),
        number("Hull", "health_j"),
        whole("Berth", "player"),
        whole("Berth", "class"),
        whole("Berth", "fleet"),
        whole("Berth", "slot"),
        whole("Controls", "main"),
        stick("translate", 0),
        stick("translate", 1),
        stick("translate", 2),
        stick("rotate", 0),
        stick("rotate", 1),
        stick("rotate", 2),
        whole("Controls", "assist"),
        held(0),
        held(1),
        held(2),
        whole("Weapon", "ready_tick"),
        number("Solid", "radius_m"),
        Cell::F64(mass),
        whole("Round", "shooter"),
        whole("Round", "expires_quarters"),
    ]
}

/// A table that is being written.
struct Table<'a> {
    path: &'a Path,
    form: Form,
}

enum Form {
    Csv(BufWriter<File>),
    Jsonl(BufWriter<File>),
    Parquet(Box<ParquetFile>),
}

impl<'a> Table<'a> {
    fn create(format: ExportFormat, path: &'a Path, input: &Path) -> Result<Self, Failure> {
        let file = output::create(path, &[input])?;
        let form = match format {
            ExportFormat::Csv => {
                let mut out = BufWriter::new(file);
                writeln!(out, "{}", COLUMNS.join(",")).map_err(|e| Failure::unwritable(path, e))?;
                Form::Csv(out)
            }
            ExportFormat::Jsonl => Form::Jsonl(BufWriter::new(file)),
            ExportFormat::Parquet => {
                Form::Parquet(Box::new(ParquetFile::create(file).map_err(|e| Failure::unwritable(path, e))?))
            }
        };
        Ok(Self { path, form })
    }

    fn row(&mut self, row: &[Cell]) -> Result<(), Failure> {
        let written = match &mut self.form {
            Form::Csv(out) => csv_row(out, row),
            Form::Jsonl(out) => json_row(out, row),
            Form::Parquet(file) => file.row(row).map_err(io::Error::other),
        };
        written.map_err(|e| Failure::unwritable(self.path, output::plain(&e)))
    }

    fn finish(self) -> Result<(), Failure> {
        let finished = match self.form {
            Form::Csv(mut out) | Form::Jsonl(mut out) => out.flush(),
            Form::Parquet(file) => file.finish().map_err(io::Error::other),
        };
        finished.map_err(|e| Failure::unwritable(self.path, output::plain(&e)))
    }
}

/// Numbers in their shortest form that reads back exactly; nothing where there is nothing.
fn csv_row(out: &mut impl Write, row: &[Cell]) -> io::Result<()> {
    for (i, cell) in row.iter().enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        match cell {
            Cell::F64(Some(v)) => write!(out, "{v:?}")?,
            Cell::I64(Some(v)) => write!(out, "{v}")?,
            Cell::Text(v) => out.write_all(v.as_bytes())?,
            Cell::F64(None) | Cell::I64(None) => {}
        }
    }
    out.write_all(b"\n")
}

/// As CSV, but what is not there is left out.
fn json_row(out: &mut impl Write, row: &[Cell]) -> io::Result<()> {
    let mut separator = '{';
    for (name, cell) in COLUMNS.iter().zip(row) {
        match cell {
            Cell::F64(Some(v)) if v.is_finite() => write!(out, "{separator}\"{name}\":{v:?}")?,
            Cell::I64(Some(v)) => write!(out, "{separator}\"{name}\":{v}")?,
            Cell::Text(v) => write!(out, "{separator}\"{name}\":\"{v}\"")?,
            Cell::F64(_) | Cell::I64(None) => continue,
        }
        separator = ',';
    }
    out.write_all(b"}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back_exactly() {
        let third = 1.0 / 3.0;
        let row = [Cell::I64(Some(7)), Cell::F64(Some(third)), Cell::I64(None), Cell::Text("ship")];
        let mut csv = Vec::new();
        csv_row(&mut csv, &row).unwrap();
        assert_eq!(String::from_utf8(csv).unwrap(), "7,0.3333333333333333,,ship\n");
        let mut line = Vec::new();
        json_row(&mut line, &row).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value, serde_json::json!({ "tick": 7, "time_s": third, "kind": "ship" }));
    }
}
