//! What every form of the state does: run by `it` in process and by `replicas` over a real Redis.

use std::time::Duration;

use room_broker::clock::UnixTime;
use room_broker::state::{
    Claim, Heard, Lease, Notice, RecordFault, Records, Space, State, StateFault, Topic,
};
use serde::{Deserialize, Serialize};

use crate::support::until;

/// Long enough to be certain that it has not ended while a test runs.
const LONG: Duration = Duration::from_secs(60);

/// A form of the state, and how its time passes.
pub trait House {
    /// One replica's state.
    fn one(&self) -> State;
    /// Another's, which shares with the first what is shared.
    fn other(&self) -> State;
    /// Time that can be waited for in a test.
    fn short(&self) -> Duration;
    /// Moves a clock that stands still.
    fn pass(&self, duration: Duration);
    /// Now.
    fn now(&self) -> UnixTime;
}

/// Every part of the contract.
pub async fn holds(house: &impl House) {
    a_lease_is_one_holders_and_its_fence_grows(house).await;
    a_lease_that_is_not_renewed_ends_and_another_takes_over(house).await;
    a_lease_that_is_renewed_is_its_holders_past_its_first_end(house).await;
    a_lease_that_ended_can_neither_be_renewed_nor_take_anothers_away(house).await;
    the_first_is_first_once_until_it_is_forgotten(house).await;
    what_one_announces_the_others_hear_in_its_order(house).await;
    a_record_is_written_read_listed_and_deleted(house).await;
    a_record_that_is_there_is_not_written_over_as_new(house).await;
    a_record_ends_with_its_time(house).await;
    a_record_of_another_version_is_told_apart_and_stays(house).await;
    a_space_takes_no_more_than_its_bound_until_something_ends(house).await;
}

fn mine(claim: Claim) -> Lease {
    match claim {
        Claim::Mine(lease) => lease,
        Claim::Others { ends_in } => panic!("another's for {ends_in:?}"),
    }
}

async fn a_lease_is_one_holders_and_its_fence_grows(house: &impl House) {
    let (one, other) = (house.one(), house.other());
    let first = mine(one.claim("room a", LONG).await.unwrap());
    for state in [&one, &other] {
        let Claim::Others { ends_in } = state.claim("room a", LONG).await.unwrap() else {
            panic!("two hold one lease")
        };
        assert!(ends_in <= LONG && ends_in > LONG / 2, "{ends_in:?}");
    }
    let elsewhere = mine(other.claim("room b", LONG).await.unwrap());
    assert!(elsewhere.fence() > first.fence());
    assert!(one.renew(&first, LONG).await.unwrap());
    one.release(first).await.unwrap();
    let second = mine(other.claim("room a", LONG).await.unwrap());
    assert!(second.fence() > elsewhere.fence());
}

async fn a_lease_that_is_not_renewed_ends_and_another_takes_over(house: &impl House) {
    let (one, other) = (house.one(), house.other());
    let lost = mine(one.claim("room c", house.short()).await.unwrap());
    house.pass(house.short());
    let mut taken = None;
    until("the lease ends", async || {
        taken = match other.claim("room c", LONG).await.unwrap() {
            Claim::Mine(lease) => Some(lease),
            Claim::Others { .. } => None,
        };
        taken.is_some()
    })
    .await;
    assert!(taken.unwrap().fence() > lost.fence());
}

async fn a_lease_that_is_renewed_is_its_holders_past_its_first_end(house: &impl House) {
    let (one, other) = (house.one(), house.other());
    // Enough for a call to come in time.
    let first_end = house.short() * 10;
    let kept = mine(one.claim("room e", first_end).await.unwrap());
    // Claimed later for as long: once this one is over, so is the first end of the other.
    mine(one.claim("room f", first_end).await.unwrap());
    assert!(one.renew(&kept, LONG).await.unwrap());
    house.pass(first_end);
    until("the lease that is not renewed ends", async || {
        matches!(other.claim("room f", LONG).await, Ok(Claim::Mine(_)))
    })
    .await;
    let still = other.claim("room e", LONG).await.unwrap();
    assert!(matches!(still, Claim::Others { .. }), "{still:?}");
    assert!(one.renew(&kept, LONG).await.unwrap());
}

async fn a_lease_that_ended_can_neither_be_renewed_nor_take_anothers_away(house: &impl House) {
    let (one, other) = (house.one(), house.other());
    let lost = mine(one.claim("room d", house.short()).await.unwrap());
    house.pass(house.short());
    until("the lease ends", async || {
        matches!(other.claim("room d", LONG).await, Ok(Claim::Mine(_)))
    })
    .await;
    assert!(!one.renew(&lost, LONG).await.unwrap());
    one.release(lost).await.unwrap();
    let still = one.claim("room d", LONG).await.unwrap();
    assert!(matches!(still, Claim::Others { .. }), "{still:?}");
}

async fn the_first_is_first_once_until_it_is_forgotten(house: &impl House) {
    let (one, other) = (house.one(), house.other());
    assert!(one.is_first("event 1", LONG).await.unwrap());
    assert!(!one.is_first("event 1", LONG).await.unwrap());
    assert!(!other.is_first("event 1", LONG).await.unwrap());
    assert!(other.is_first("event 2", house.short()).await.unwrap());
    house.pass(house.short());
    until("event 2 is forgotten", async || {
        one.is_first("event 2", LONG).await.unwrap()
    })
    .await;
}

async fn what_one_announces_the_others_hear_in_its_order(house: &impl House) {
    let (one, other) = (house.one(), house.other());
    let mut hearing = other.listen();
    let notice = |number: usize| Notice {
        topic: if number.is_multiple_of(2) {
            Topic::Room
        } else {
            Topic::Denial
        },
        subject: format!("subject {number}"),
    };
    for number in 0..20 {
        one.announce(notice(number)).await;
    }
    // In one process there is nobody else.
    let others = if house.one().shared().is_some() {
        20
    } else {
        0
    };
    for number in 0..others {
        assert_eq!(hearing.next().await, Some(Heard::Notice(notice(number))));
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pet {
    name: String,
}

fn pet(name: &str) -> Pet {
    Pet {
        name: name.to_owned(),
    }
}

const PETS: Space = Space {
    name: "pets",
    version: 1,
    records_max: 100,
};

async fn a_record_is_written_read_listed_and_deleted(house: &impl House) {
    let one = Records::<Pet>::new(house.one(), PETS);
    let other = Records::<Pet>::new(house.other(), PETS);
    assert_eq!(one.get("rex").await.unwrap(), None);
    one.put("rex", &pet("Rex"), None).await.unwrap();
    one.put("tom", &pet("T\u{f6}m \"\n"), None).await.unwrap();
    one.put("rex", &pet("Rex II"), None).await.unwrap();
    assert_eq!(other.get("rex").await.unwrap(), Some(pet("Rex II")));
    let mut listed: Vec<(String, Pet)> = other
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|(id, record)| (id, record.unwrap()))
        .collect();
    listed.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [("rex", pet("Rex II")), ("tom", pet("T\u{f6}m \"\n"))];
    assert_eq!(listed, expected.map(|(id, pet)| (id.to_owned(), pet)));
    assert!(other.delete("rex").await.unwrap());
    assert!(!one.delete("rex").await.unwrap());
    assert_eq!(one.get("rex").await.unwrap(), None);
    assert_eq!(one.list().await.unwrap().len(), 1);
    assert!(one.delete("tom").await.unwrap());
}

async fn a_record_that_is_there_is_not_written_over_as_new(house: &impl House) {
    let one = Records::<Pet>::new(house.one(), PETS);
    let other = Records::<Pet>::new(house.other(), PETS);
    assert!(one.put_new("ada", &pet("Ada"), None).await.unwrap());
    assert!(!other.put_new("ada", &pet("Eve"), None).await.unwrap());
    assert_eq!(other.get("ada").await.unwrap(), Some(pet("Ada")));
    assert!(one.delete("ada").await.unwrap());
}

async fn a_record_ends_with_its_time(house: &impl House) {
    let records = Records::<Pet>::new(house.one(), PETS);
    let end = house.now().plus(house.short());
    records.put("fly", &pet("Fly"), Some(end)).await.unwrap();
    let later = house.now().plus(LONG);
    records.put("old", &pet("Old"), Some(later)).await.unwrap();
    house.pass(house.short());
    until("the fly is gone", async || {
        records.get("fly").await.unwrap().is_none()
    })
    .await;
    assert_eq!(records.list().await.unwrap().len(), 1);
    assert!(records.put_new("fly", &pet("Next"), None).await.unwrap());
    assert_eq!(records.get("old").await.unwrap(), Some(pet("Old")));
    for id in ["fly", "old"] {
        assert!(records.delete(id).await.unwrap());
    }
}

async fn a_record_of_another_version_is_told_apart_and_stays(house: &impl House) {
    let newer = Space { version: 2, ..PETS };
    let new = Records::<Vec<u32>>::new(house.one(), newer);
    new.put("odd", &vec![1], None).await.unwrap();
    let old = Records::<Pet>::new(house.other(), PETS);
    old.put("rex", &pet("Rex"), None).await.unwrap();
    let fault = old.get("odd").await.unwrap_err();
    assert!(
        matches!(
            fault,
            RecordFault::OtherVersion {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{fault:?}"
    );
    assert_eq!(
        fault.to_string(),
        "a record of pets has format 2, and this program reads format 1"
    );
    let listed = old.list().await.unwrap();
    let readable = listed.iter().filter(|(_, record)| record.is_ok()).count();
    assert_eq!((listed.len(), readable), (2, 1));
    assert_eq!(new.get("odd").await.unwrap(), Some(vec![1]));
    for id in ["odd", "rex"] {
        assert!(old.delete(id).await.unwrap());
    }
}

async fn a_space_takes_no_more_than_its_bound_until_something_ends(house: &impl House) {
    let small = Space {
        name: "few",
        version: 1,
        records_max: 2,
    };
    let records = Records::<Pet>::new(house.one(), small);
    let end = house.now().plus(house.short());
    records.put("a", &pet("A"), None).await.unwrap();
    records.put("b", &pet("B"), Some(end)).await.unwrap();
    let full = records.put("c", &pet("C"), None).await.unwrap_err();
    assert!(
        matches!(full, RecordFault::State(StateFault::Full)),
        "{full:?}"
    );
    records.put("a", &pet("A2"), None).await.unwrap();
    house.pass(house.short());
    until("there is room", async || {
        records.put("c", &pet("C"), None).await.is_ok()
    })
    .await;
}
