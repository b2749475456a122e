//! Joins images and samplers in SPIR-V. WGSL keeps them apart, and so does naga; but vulkano 0.35 takes an image that is
//! sampled through a sampler of its own for one that is never read, and makes no barrier for it. After this pass each
//! image is bound together with its sampler, at the image's binding. Must never change what a shader computes.

use std::collections::BTreeMap;

const NAME: u32 = 5;
const TYPE_IMAGE: u32 = 25;
const TYPE_SAMPLER: u32 = 26;
const TYPE_SAMPLED_IMAGE: u32 = 27;
const TYPE_POINTER: u32 = 32;
const VARIABLE: u32 = 59;
const LOAD: u32 = 61;
const DECORATE: u32 = 71;
const SAMPLED_IMAGE: u32 = 86;
/// From `OpImageSampleImplicitLod` to `OpImageSampleProjDrefExplicitLod`: their third operand is the sampled image.
const SAMPLES: std::ops::RangeInclusive<u32> = 87..=94;
const FETCH: u32 = 95;
const GATHERS: std::ops::RangeInclusive<u32> = 96..=97;
const IMAGE: u32 = 100;
/// `OpImageQuerySizeLod` to `OpImageQuerySamples`: their third operand is the image without the sampler.
const QUERIES: std::ops::RangeInclusive<u32> = 103..=107;

/// What the instructions say about images.
#[derive(Default)]
struct Known {
    /// From an image type to the type that has a sampler too.
    combined: BTreeMap<u32, u32>,
    /// Types of samplers.
    samplers: Vec<u32>,
    /// From a pointer type to what it points to.
    pointees: BTreeMap<u32, u32>,
    /// From a variable to what it holds.
    variables: BTreeMap<u32, u32>,
    /// From a loaded value to its variable.
    loaded: BTreeMap<u32, u32>,
    /// From an image with its sampler to the loaded image.
    joined: BTreeMap<u32, u32>,
    /// From an image variable to its sampler variable.
    partners: BTreeMap<u32, u32>,
}

/// The instructions of a module: words, the first of which holds length and number.
fn instructions(words: &[u32]) -> Vec<&[u32]> {
    let mut rest = words.get(5..).unwrap_or_default();
    let mut found = Vec::new();
    while let Some(first) = rest.first() {
        let length = ((first >> 16) as usize).clamp(1, rest.len());
        let (instruction, after) = rest.split_at(length);
        found.push(instruction);
        rest = after;
    }
    found
}

fn read(all: &[&[u32]]) -> Result<Known, String> {
    let mut known = Known::default();
    for i in all {
        match i[0] & 0xffff {
            TYPE_SAMPLER => known.samplers.push(i[1]),
            TYPE_SAMPLED_IMAGE => drop(known.combined.insert(i[2], i[1])),
            TYPE_POINTER => drop(known.pointees.insert(i[1], i[3])),
            VARIABLE => drop(known.pointees.get(&i[1]).map(|of| known.variables.insert(i[2], *of))),
            LOAD => drop(known.variables.contains_key(&i[3]).then(|| known.loaded.insert(i[2], i[3]))),
            SAMPLED_IMAGE => {
                let (Some(image), Some(sampler)) = (known.loaded.get(&i[3]), known.loaded.get(&i[4])) else {
                    return Err("a texture or a sampler is passed to a function: name it there instead".to_owned());
                };
                if *known.partners.entry(*image).or_insert(*sampler) != *sampler {
                    return Err("a texture is sampled with two samplers: give it one".to_owned());
                }
                known.joined.insert(i[2], i[3]);
            }
            _ => {}
        }
    }
    Ok(known)
}

/// The module with each sampled image joined to its sampler.
///
/// # Errors
/// A texture with two samplers, or one that is passed to a function.
pub fn combine(words: &[u32]) -> Result<Vec<u32>, String> {
    let all = instructions(words);
    let known = read(&all)?;
    let mut out = words.get(..5).unwrap_or_default().to_vec();
    let of_sampler = |variable: &u32| known.variables.get(variable).is_some_and(|of| known.samplers.contains(of));
    // The type with a sampler of a variable that holds an image.
    let joined_type = |variable: &u32| known.variables.get(variable).and_then(|of| known.combined.get(of)).copied();
    for i in all {
        let mut i = i.to_vec();
        match i[0] & 0xffff {
            // It moves up to its image's type, since pointers to it are declared before it is used.
            TYPE_SAMPLED_IMAGE => continue,
            TYPE_IMAGE => {
                out.extend(&i);
                if let Some(combined) = known.combined.get(&i[1]) {
                    out.extend([3 << 16 | TYPE_SAMPLED_IMAGE, *combined, i[1]]);
                }
                continue;
            }
            TYPE_POINTER => i[3] = known.combined.get(&i[3]).copied().unwrap_or(i[3]),
            NAME | DECORATE if of_sampler(&i[1]) => continue,
            VARIABLE if of_sampler(&i[2]) => continue,
            LOAD if of_sampler(&i[3]) => continue,
            LOAD => i[1] = joined_type(&i[3]).unwrap_or(i[1]),
            SAMPLED_IMAGE => continue,
            op if SAMPLES.contains(&op) || GATHERS.contains(&op) => {
                i[3] = known.joined.get(&i[3]).copied().unwrap_or(i[3]);
            }
            op if op == FETCH || QUERIES.contains(&op) => {
                let variable = known.loaded.get(&i[3]).copied().unwrap_or(0);
                if let (Some(_), Some(bare)) = (joined_type(&variable), known.variables.get(&variable)) {
                    let fresh = out[3];
                    out[3] += 1;
                    out.extend([4 << 16 | IMAGE, *bare, fresh, i[3]]);
                    i[3] = fresh;
                }
            }
            _ => {}
        }
        out.extend(&i);
    }
    Ok(out)
}
