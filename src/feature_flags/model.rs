use diesel::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::schema::feature_flags;

/// The one flag there is.
pub const ACHIEVEMENTS: &str = "achievements";

/// Something that an administrator turns on or off for the whole instance.
#[derive(Serialize, ToSchema)]
pub struct FeatureFlag {
    #[schema(examples("achievements"))]
    pub name: String,
    pub enabled: bool,
}

impl FeatureFlag {
    /// The one flag there is.
    pub fn achievements(conn: &mut AnyConnection) -> Result<Self> {
        Ok(Self {
            name: ACHIEVEMENTS.into(),
            enabled: achievements_enabled(conn)?,
        })
    }
}

/// Whether achievements are on. Off in a fresh database, as in the original.
pub fn achievements_enabled(conn: &mut AnyConnection) -> Result<bool> {
    let enabled = feature_flags::table
        .find(ACHIEVEMENTS)
        .select(feature_flags::enabled);
    Ok(enabled.first(conn).optional()?.unwrap_or(false))
}

/// Refuses every achievements operation while the flag is off.
pub fn require_achievements(conn: &mut AnyConnection) -> Result<()> {
    if achievements_enabled(conn)? {
        Ok(())
    } else {
        Err(Error::FeatureDisabled)
    }
}

/// Turns achievements on or off.
pub fn set_achievements(enabled: bool, conn: &mut AnyConnection) -> Result<()> {
    let set = feature_flags::enabled.eq(enabled);
    if diesel::update(feature_flags::table.find(ACHIEVEMENTS))
        .set(set)
        .execute(conn)?
        == 0
    {
        diesel::insert_into(feature_flags::table)
            .values((feature_flags::name.eq(ACHIEVEMENTS), set))
            .execute(conn)?;
    }
    Ok(())
}

/// Decides the flag at the first start, and leaves it alone at every later one.
pub fn ensure_achievements(enabled: bool, conn: &mut AnyConnection) -> Result<()> {
    match feature_flags::table
        .find(ACHIEVEMENTS)
        .select(feature_flags::enabled)
        .first::<bool>(conn)
        .optional()?
    {
        Some(_) => Ok(()),
        None => set_achievements(enabled, conn),
    }
}
