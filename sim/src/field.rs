//! Fields of components as data: where a value lies in its component, how to read it, and how to write one
//! that is fit to enter the state. Must never reinterpret bytes itself; bytemuck does.

use glam::{DQuat, DVec3};
use serde::{Deserialize, Serialize};

/// One named field of a component.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name as in the struct.
    pub name: &'static str,
    /// Byte offset in the component.
    pub offset: usize,
    /// Type of the value.
    pub kind: ValueKind,
    /// What one of it is, for people and tools.
    pub unit: &'static str,
}

impl Field {
    pub(crate) const fn new(name: &'static str, offset: usize, kind: ValueKind, unit: &'static str) -> Self {
        Self { name, offset, kind, unit }
    }

    /// Reads the field from the bytes of its component.
    #[must_use]
    pub fn read(&self, component: &[u8]) -> Value {
        let bytes = &component[self.offset..self.offset + self.kind.size()];
        match self.kind {
            ValueKind::F64 => Value::F64(bytemuck::pod_read_unaligned(bytes)),
            ValueKind::Vec3 => Value::Vec3(bytemuck::pod_read_unaligned(bytes)),
            ValueKind::Quat => Value::Quat(bytemuck::pod_read_unaligned(bytes)),
            ValueKind::U64 => Value::U64(bytemuck::pod_read_unaligned(bytes)),
            ValueKind::I64 => Value::I64(bytemuck::pod_read_unaligned(bytes)),
            ValueKind::Cell => Value::Cell(bytemuck::pod_read_unaligned(bytes)),
            ValueKind::U32 => Value::U32(bytemuck::pod_read_unaligned(bytes)),
            ValueKind::I16 => Value::I16(bytemuck::pod_read_unaligned(bytes)),
            ValueKind::I16x3 => Value::I16x3(bytemuck::pod_read_unaligned(bytes)),
        }
    }

    /// Writes `value` into the bytes of the component; `false`, and nothing written, if its type is another.
    #[must_use]
    pub fn write(&self, component: &mut [u8], value: Value) -> bool {
        if value.kind() != self.kind {
            return false;
        }
        let place = &mut component[self.offset..self.offset + self.kind.size()];
        match value {
            Value::F64(v) => place.copy_from_slice(bytemuck::bytes_of(&v)),
            Value::Vec3(v) => place.copy_from_slice(bytemuck::bytes_of(&v)),
            Value::Quat(v) => place.copy_from_slice(bytemuck::bytes_of(&v)),
            Value::U64(v) => place.copy_from_slice(bytemuck::bytes_of(&v)),
            Value::I64(v) => place.copy_from_slice(bytemuck::bytes_of(&v)),
            Value::Cell(v) => place.copy_from_slice(bytemuck::bytes_of(&v)),
            Value::U32(v) => place.copy_from_slice(bytemuck::bytes_of(&v)),
            Value::I16(v) => place.copy_from_slice(bytemuck::bytes_of(&v)),
            Value::I16x3(v) => place.copy_from_slice(bytemuck::bytes_of(&v)),
        }
        true
    }
}

/// The types a field can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueKind {
    /// One f64.
    F64,
    /// Three f64.
    Vec3,
    /// Four f64, x y z w.
    Quat,
    /// One u64.
    U64,
    /// One i64.
    I64,
    /// Three i64.
    Cell,
    /// One u32.
    U32,
    /// One i16.
    I16,
    /// Three i16.
    I16x3,
}

impl ValueKind {
    /// Bytes it takes in memory.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::F64 | Self::U64 | Self::I64 => 8,
            Self::Vec3 | Self::Cell => 24,
            Self::Quat => 32,
            Self::U32 => 4,
            Self::I16 => 2,
            Self::I16x3 => 6,
        }
    }
}

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// One f64.
    F64(f64),
    /// Three f64.
    Vec3(DVec3),
    /// Four f64, x y z w.
    Quat(DQuat),
    /// One u64.
    U64(u64),
    /// One i64.
    I64(i64),
    /// Three i64.
    Cell([i64; 3]),
    /// One u32.
    U32(u32),
    /// One i16.
    I16(i16),
    /// Three i16.
    I16x3([i16; 3]),
}

impl Value {
    /// Its type.
    #[must_use]
    pub const fn kind(self) -> ValueKind {
        match self {
            Self::F64(_) => ValueKind::F64,
            Self::Vec3(_) => ValueKind::Vec3,
            Self::Quat(_) => ValueKind::Quat,
            Self::U64(_) => ValueKind::U64,
            Self::I64(_) => ValueKind::I64,
            Self::Cell(_) => ValueKind::Cell,
            Self::U32(_) => ValueKind::U32,
            Self::I16(_) => ValueKind::I16,
            Self::I16x3(_) => ValueKind::I16x3,
        }
    }

    /// Whether a number in it is subnormal: not zero, and so small that it has lost digits. None that is meant is.
    #[must_use]
    pub fn is_subnormal(self) -> bool {
        match self {
            Self::F64(v) => v.is_subnormal(),
            Self::Vec3(v) => v.to_array().iter().any(|v| v.is_subnormal()),
            Self::Quat(v) => v.to_array().iter().any(|v| v.is_subnormal()),
            _ => false,
        }
    }

    /// Whether every number in it is finite.
    #[must_use]
    pub fn is_finite(self) -> bool {
        match self {
            Self::F64(v) => v.is_finite(),
            Self::Vec3(v) => v.is_finite(),
            Self::Quat(v) => v.is_finite(),
            _ => true,
        }
    }
}

impl std::fmt::Display for Value {
    /// Numbers in their shortest form that reads back exactly; vectors in brackets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::F64(v) => write!(f, "{v:?}"),
            Self::Vec3(v) => write!(f, "{:?}", v.to_array()),
            Self::Quat(v) => write!(f, "{:?}", v.to_array()),
            Self::U64(v) => write!(f, "{v}"),
            Self::I64(v) => write!(f, "{v}"),
            Self::Cell(v) => write!(f, "{v:?}"),
            Self::U32(v) => write!(f, "{v}"),
            Self::I16(v) => write!(f, "{v}"),
            Self::I16x3(v) => write!(f, "{v:?}"),
        }
    }
}

/// Rust types that can be fields.
pub(crate) trait FieldType {
    const KIND: ValueKind;
}

macro_rules! field_types {
    ($($ty:ty => $kind:ident),+ $(,)?) => { $(impl FieldType for $ty { const KIND: ValueKind = ValueKind::$kind; })+ };
}
field_types!(f64 => F64, DVec3 => Vec3, DQuat => Quat, u64 => U64, i64 => I64, [i64; 3] => Cell, u32 => U32,
    i16 => I16, [i16; 3] => I16x3);
