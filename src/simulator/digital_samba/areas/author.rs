//! Who said, asked or chose something: a participant, or somebody that a product names.

use serde_json::{Value, json};

use crate::simulator::digital_samba::fields::{Fields, SOME};
use crate::simulator::digital_samba::participants::Participant;
use crate::simulator::digital_samba::sessions::Session;
use crate::simulator::digital_samba::team::Team;

/// Nobody in particular, if all is absent.
#[derive(Clone, Default)]
pub(in crate::simulator::digital_samba) struct Author {
    pub(super) id: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) name: Option<String>,
}

impl Author {
    /// Reads the `participant` of a body: the id of one whom the room knows, or a name and an
    /// external id, which need not be known.
    pub(super) fn read(team: &Team, room: &str, fields: &mut Fields<'_>) -> Self {
        fields.require(&["participant"]);
        let author = fields.object("participant", |fields| {
            if let Some(id) = fields.uuid("id") {
                let known = team.participant(&id);
                let known = known.filter(|(session, _)| session.room_id == room);
                if known.is_none() {
                    fields.refuse("id", "chosen is invalid");
                }
                return known.map(|(_, participant)| Self::from(participant));
            }
            fields.require(&["name", "external_id"]);
            let author = Self {
                id: None,
                name: fields.text("name", &SOME),
                external_id: fields.text("external_id", &SOME),
            };
            Some(author.recognised(team, room))
        });
        author.flatten().unwrap_or_default()
    }

    pub(super) fn is_same_person(&self, other: &Self) -> bool {
        let same = |mine: &Option<String>, other: &Option<String>| mine.is_some() && mine == other;
        same(&self.id, &other.id) || same(&self.external_id, &other.external_id)
    }

    /// As an answer names them, three fields beside others.
    pub(super) fn shown_into(&self, shown: &mut Value) {
        if let Value::Object(shown) = shown {
            shown.insert("participant_id".to_owned(), json!(self.id));
            let external_id = json!(self.external_id);
            shown.insert("external_participant_id".to_owned(), external_id);
            shown.insert("participant_name".to_owned(), json!(self.name));
        }
    }

    /// Who is in the room under this external id is that participant.
    fn recognised(mut self, team: &Team, room: &str) -> Self {
        let present = team.current_session(room).into_iter();
        let mut present = present.flat_map(Session::present);
        let known = present.find(|one| one.visitor.external_id == self.external_id);
        self.id = known.map(|participant| participant.id.clone());
        self
    }
}

impl From<&Participant> for Author {
    fn from(participant: &Participant) -> Self {
        Self {
            id: Some(participant.id.clone()),
            external_id: participant.visitor.external_id.clone(),
            name: participant.visitor.name.clone(),
        }
    }
}
