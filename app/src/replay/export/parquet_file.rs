//! Writes the export's table as Parquet: every column optional, zstd, a row group at a time.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::{COLUMNS, Cell};

/// Rows that are held back before they are written as a row group.
const GROUP_ROWS: usize = 65_536;

/// A Parquet file that is being written.
pub struct ParquetFile {
    writer: SerializedFileWriter<File>,
    columns: Vec<Column>,
    rows: usize,
}

/// The values of a column that are not yet written, and for each row whether there is one.
enum Column {
    F64(Vec<f64>, Vec<i16>),
    I64(Vec<i64>, Vec<i16>),
    Text(Vec<ByteArray>, Vec<i16>),
}

impl ParquetFile {
    /// Begins the file.
    ///
    /// # Errors
    /// The file's.
    pub fn create(file: File) -> Result<Self, ParquetError> {
        let columns: Vec<Column> = COLUMNS.iter().map(|name| Column::of(name)).collect();
        let mut fields = Vec::with_capacity(COLUMNS.len());
        for (name, column) in COLUMNS.iter().zip(&columns) {
            let builder = Type::primitive_type_builder(name, column.physical()).with_repetition(Repetition::OPTIONAL);
            let builder = match column {
                Column::Text(..) => builder.with_logical_type(Some(LogicalType::String)),
                _ => builder,
            };
            fields.push(Arc::new(builder.build()?));
        }
        let schema = Type::group_type_builder("entities").with_fields(fields).build()?;
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
        Ok(Self { writer, columns, rows: 0 })
    }

    /// Adds a row of [`COLUMNS`].
    ///
    /// # Errors
    /// The file's.
    pub fn row(&mut self, row: &[Cell]) -> Result<(), ParquetError> {
        for (column, cell) in self.columns.iter_mut().zip(row) {
            column.push(cell);
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS { self.flush() } else { Ok(()) }
    }

    /// Writes what is held back, and the end of the file.
    ///
    /// # Errors
    /// The file's.
    pub fn finish(mut self) -> Result<(), ParquetError> {
        self.flush()?;
        self.writer.close().map(|_| ())
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        if std::mem::take(&mut self.rows) == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else { break };
            match (writer.untyped(), column) {
                (ColumnWriter::DoubleColumnWriter(out), Column::F64(values, present)) => {
                    out.write_batch(values, Some(present), None)?;
                    values.clear();
                    present.clear();
                }
                (ColumnWriter::Int64ColumnWriter(out), Column::I64(values, present)) => {
                    out.write_batch(values, Some(present), None)?;
                    values.clear();
                    present.clear();
                }
                (ColumnWriter::ByteArrayColumnWriter(out), Column::Text(values, present)) => {
                    out.write_batch(values, Some(present), None)?;
                    values.clear();
                    present.clear();
                }
                _ => return Err(ParquetError::General("a column is of another type than its schema".to_owned())),
            }
            writer.close()?;
        }
        group.close().map(|_| ())
    }
}

impl Column {
    /// Whole numbers are named in this list; `kind` is text; all others have fractions.
    fn of(name: &str) -> Self {
        match name {
            "kind" => Self::Text(Vec::new(), Vec::new()),
            "tick" | "entity" | "cell_x" | "cell_y" | "cell_z" | "player" | "class" | "fleet" | "slot" | "main"
            | "translate_x" | "translate_y" | "translate_z" | "rotate_x" | "rotate_y" | "rotate_z" | "assist"
            | "ready_tick" | "shooter" | "expires_quarters" => Self::I64(Vec::new(), Vec::new()),
            _ => Self::F64(Vec::new(), Vec::new()),
        }
    }

    fn physical(&self) -> Physical {
        match self {
            Self::F64(..) => Physical::DOUBLE,
            Self::I64(..) => Physical::INT64,
            Self::Text(..) => Physical::BYTE_ARRAY,
        }
    }

    fn push(&mut self, cell: &Cell) {
        match (self, cell) {
            (Self::F64(values, present), Cell::F64(value)) => {
                present.push(i16::from(value.is_some()));
                values.extend(value);
            }
            (Self::I64(values, present), Cell::I64(value)) => {
                present.push(i16::from(value.is_some()));
                values.extend(value);
            }
            (Self::Text(values, present), Cell::Text(value)) => {
                present.push(1);
                values.push(ByteArray::from(*value));
            }
            // A cell of another type has no value in this column; a test holds the two tables together.
            (Self::F64(_, present) | Self::I64(_, present) | Self::Text(_, present), _) => present.push(0),
        }
    }
}
