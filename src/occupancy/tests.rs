use crate::clock::UnixTime;

use super::people::{Happening, ParticipantId, People, Person, Reading};

fn person(id: &str) -> Person {
    Person {
        id: ParticipantId::parse(id).unwrap(),
        user: Some(Box::from(id)),
        name: None,
        role: None,
        joined_at: None,
    }
}

fn joined(id: &str, at: u64) -> Happening {
    Happening::Joined(person(id), UnixTime::from_seconds(at))
}

fn left(id: &str, at: u64) -> Happening {
    Happening::Left(person(id).id, UnixTime::from_seconds(at))
}

fn ended(at: u64) -> Happening {
    Happening::Ended(UnixTime::from_seconds(at))
}

#[test]
fn the_order_and_the_number_of_deliveries_change_nothing() {
    let happenings = [joined("a", 1), joined("b", 2), left("a", 3), joined("c", 4)];
    let orders: [[usize; 6]; 4] = [
        [0, 1, 2, 3, 0, 1],
        [3, 2, 1, 0, 0, 0],
        [2, 0, 2, 0, 1, 3],
        [1, 3, 0, 2, 2, 0],
    ];
    for order in orders {
        let mut people = People::default();
        for at in order {
            people.note(&happenings[at]);
        }
        assert_eq!(people.count(), 2, "{order:?}");
        assert!(!people.holds("a") && people.holds("b") && people.holds("c"));
    }
}

#[test]
fn who_joined_before_the_end_of_the_session_is_not_in_it_however_late_that_is_told() {
    let mut people = People::default();
    for happening in [joined("a", 1), ended(5), joined("b", 4), joined("c", 6)] {
        people.note(&happening);
    }
    assert_eq!(people.count(), 1);
    people.note(&ended(5));
    assert!(people.holds("c"));
}

#[test]
fn a_reading_counts_more_than_what_was_told_before_and_less_than_what_came_meanwhile() {
    let mut people = People::default();
    people.note(&joined("ghost", 1));
    let begun = people.order();
    people.note(&joined("late", 11));
    people.note(&left("gone", 11));
    let read = Reading {
        started_at: None,
        people: vec![person("a"), person("gone")],
    };
    people.learn(read, begun, UnixTime::from_seconds(10));
    assert!(people.holds("a") && people.holds("late"));
    assert!(!people.holds("ghost") && !people.holds("gone"));
    // What is older than the reading was known to it.
    people.note(&joined("ghost", 2));
    people.note(&ended(3));
    assert_eq!(people.count(), 2);
}

#[test]
fn a_flood_of_people_is_bounded() {
    let mut people = People::default();
    for number in 0..10_000 {
        people.note(&joined(&format!("p{number}"), number));
        people.note(&left(&format!("q{number}"), number));
    }
    assert_eq!(people.count(), 4096);
}
