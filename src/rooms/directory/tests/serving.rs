//! Rooms that are known, for how long, and what counts while upstream fails.

use futures_util::future::join_all;

use super::*;

#[tokio::test]
async fn a_known_room_is_served_without_upstream_until_it_is_no_longer_fresh() {
    let house = house();
    assert!(house.directory.cached(&key("course-101")).is_none());
    let first = house.resolve("course-101", true).await.unwrap();
    assert!(first.created);
    let again = house.resolve("course-101", false).await.unwrap();
    assert!(!again.created && Arc::ptr_eq(&first.room, &again.room));
    assert_eq!((house.finds(), house.creations()), (1, 1));
    assert_eq!((house.lookups("hit"), house.lookups("miss")), (1, 1));

    house.time.advance(Duration::from_secs(10 * 60));
    assert!(house.directory.cached(&key("course-101")).is_none());
    let reread = house.resolve("course-101", false).await.unwrap();
    assert_eq!(reread.room.id(), first.room.id());
    assert_eq!((house.finds(), house.creations()), (2, 1));
}

#[tokio::test]
async fn work_that_ends_without_a_word_leaves_nobody_waiting() {
    let house = house();
    house.upstream.next_creation(Fate::Panics);
    let error = house.resolve("course-101", true).await.unwrap_err();
    assert!(matches!(error, ResolveError::Upstream(_)));
    assert_eq!(house.directory.flights.count(), 0);
    assert!(house.resolve("course-101", true).await.unwrap().created);
}

#[tokio::test]
async fn who_may_not_create_creates_nothing_and_absence_is_remembered_briefly() {
    let house = house();
    for _ in 0..3 {
        let error = house.resolve("course-101", false).await.unwrap_err();
        assert_eq!(error, ResolveError::NotFound);
    }
    assert_eq!(
        house
            .directory
            .look_up(&key("course-101"), &house.templates)
            .await
            .unwrap()
            .map(|r| r.id()),
        None
    );
    assert_eq!((house.finds(), house.creations()), (1, 0));
    assert_eq!(house.lookups("negative"), 3);

    house.time.advance(Duration::from_secs(5));
    house.resolve("course-101", false).await.unwrap_err();
    assert_eq!(house.finds(), 2);

    assert!(house.resolve("course-101", true).await.unwrap().created);
    let seen = house
        .directory
        .look_up(&key("course-101"), &house.templates)
        .await
        .unwrap();
    assert!(seen.is_some());
}

#[tokio::test]
async fn what_another_replica_created_is_absent_no_more_and_read_no_second_time() {
    let house = house();
    let created = Heard::Notice(Notice {
        topic: Topic::RoomCreated,
        subject: "course-101".to_owned(),
    });
    house.resolve("course-101", false).await.unwrap_err();
    // This one looks again, before there is a room, and hears of it before it is told.
    house.time.advance(Duration::from_secs(5));
    house.upstream.stand_still();
    let late = house.resolve_in_the_background("course-101", false).await;
    house.directory.hear(&created);
    house.upstream.go_on();
    late.await.unwrap().unwrap_err();
    house.upstream.put("course-101", |_| {});
    house.resolve("course-101", false).await.unwrap();
    assert_eq!(house.finds(), 3);
    house.directory.hear(&created);
    house.resolve("course-101", false).await.unwrap();
    assert_eq!(house.finds(), 3);
}

#[tokio::test]
async fn a_room_that_another_replica_changes_while_it_is_read_here_is_read_again() {
    let house = house();
    let id = house.upstream.put("course-101", |_| {}).to_string();
    for (name, reads) in [
        ("course-101", 1),
        (id.as_str(), 1),
        ("course-102", 0),
        ("5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21", 0),
    ] {
        house.upstream.stand_still();
        let early = house.resolve_in_the_background("course-101", false).await;
        house.directory.hear(&Heard::Notice(Notice {
            topic: Topic::NamedRoom,
            subject: name.to_owned(),
        }));
        house.upstream.go_on();
        early.await.unwrap().unwrap();
        let before = house.finds();
        house.resolve("course-101", false).await.unwrap();
        assert_eq!(house.finds(), before + reads, "{name}");
        house.directory.invalidate(&key("course-101"));
    }
}

#[tokio::test]
async fn a_known_room_is_served_while_upstream_fails_within_the_bound() {
    let house = house();
    let room = house.resolve("course-101", true).await.unwrap().room;
    house
        .upstream
        .fail(Some(UpstreamFailure::Refused { status: 401 }));
    house.time.advance(Duration::from_secs(10 * 60));
    for _ in 0..100 {
        let stale = house.resolve("course-101", false).await.unwrap();
        assert_eq!(stale.room.id(), room.id());
    }
    // Tried once, then not again for a moment.
    assert_eq!((house.finds(), house.lookups("stale")), (2, 100));
    house.time.advance(Duration::from_secs(5));
    house.resolve("course-101", false).await.unwrap();
    assert_eq!(house.finds(), 3);

    house.time.advance(Duration::from_secs(6 * 3600));
    let error = house.resolve("course-101", false).await.unwrap_err();
    assert_eq!(error, UpstreamFailure::Refused { status: 401 }.into());

    house.upstream.fail(None);
    house.resolve("course-101", false).await.unwrap();
    assert_eq!(house.creations(), 1);
}

#[tokio::test]
async fn a_slow_re_read_does_not_hold_up_a_room_that_can_be_served_stale() {
    let house = house_with(|p| {
        p.deadline = Duration::from_secs(3600);
        p.reread_wait = Duration::ZERO;
    });
    let room = house.resolve("course-101", true).await.unwrap().room;
    house.time.advance(Duration::from_secs(10 * 60));
    house.upstream.stand_still();
    let stale = house.resolve("course-101", false).await.unwrap();
    assert_eq!(stale.room.id(), room.id());
    assert_eq!(house.directory.flights.count(), 1);
    house.upstream.until(|calls| calls.finds == 2).await;
    // While the re-read goes on, everyone else is served at once, and it is not started again.
    for _ in 0..10 {
        assert!(house.directory.cached(&key("course-101")).is_some());
    }
    assert_eq!((house.lookups("stale"), house.finds()), (11, 2));
}

#[tokio::test]
async fn a_room_that_disappeared_upstream_is_noticed_and_created_again_if_allowed() {
    let house = house();
    let old = house.resolve("course-101", true).await.unwrap().room;
    house.upstream.delete("course-101");
    house.time.advance(Duration::from_secs(10 * 60));
    let error = house.resolve("course-101", false).await.unwrap_err();
    assert_eq!(error, ResolveError::NotFound);
    let new = house.resolve("course-101", true).await.unwrap();
    assert!(new.created && new.room.id() != old.id());

    // A late 404 of the old room does not drop the new one.
    house.directory.note_gone(&old);
    assert!(house.directory.cached(&key("course-101")).is_some());
    house.directory.note_gone(&new.room);
    assert!(house.directory.cached(&key("course-101")).is_none());
}

#[tokio::test]
async fn what_was_invalidated_on_its_way_is_not_remembered() {
    let house = house();
    let old = house.upstream.put("course-101", |_| {});
    house.upstream.stand_still();
    let task = house.resolve_in_the_background("course-101", false).await;
    house.directory.invalidate(&key("course-101"));
    house.upstream.go_on();
    assert_eq!(task.await.unwrap().unwrap().room.id(), old);
    assert!(house.directory.cached(&key("course-101")).is_none());

    house.resolve("course-101", false).await.unwrap();
    house.directory.invalidate(&key("course-101"));
    assert!(house.directory.cached(&key("course-101")).is_none());
    house.resolve("course-102", false).await.unwrap_err();
    house.directory.invalidate(&key("course-102"));
    house.upstream.put("course-102", |_| {});
    house.resolve("course-102", false).await.unwrap();
}

#[tokio::test]
async fn a_room_that_became_another_s_or_went_is_not_served_from_memory() {
    let house = house();
    house.resolve("course-101", true).await.unwrap();
    house
        .upstream
        .put("course-101", |room| room.external_id = Some("x".to_owned()));
    house.time.advance(Duration::from_secs(10 * 60));
    for _ in 0..2 {
        let error = house.resolve("course-101", false).await.unwrap_err();
        assert_eq!(error, ResolveError::BelongsToAnother);
    }
    house.resolve("course-102", true).await.unwrap();
    house.upstream.delete("course-102");
    house.time.advance(Duration::from_secs(600));
    house.resolve("course-102", false).await.unwrap_err();

    // Not even when upstream fails afterwards.
    house.time.advance(Duration::from_secs(5));
    house.upstream.fail(Some(UNAVAILABLE));
    for key in ["course-101", "course-102"] {
        let error = house.resolve(key, false).await.unwrap_err();
        assert_eq!(error, UNAVAILABLE.into());
    }
}

#[tokio::test]
async fn a_failure_is_shared_by_all_who_wait_and_not_remembered() {
    let house = house();
    house.upstream.fail(Some(UNAVAILABLE));
    let all = join_all((0..50).map(|_| house.resolve("course-101", true))).await;
    assert!(
        all.iter()
            .all(|r| r.as_ref().unwrap_err() == &UNAVAILABLE.into())
    );
    assert_eq!(house.finds(), 1);
    house.upstream.fail(None);
    house.resolve("course-101", true).await.unwrap();
}

#[tokio::test]
async fn an_upstream_that_stands_still_ends_at_the_deadline() {
    let house = house_with(|p| p.deadline = Duration::from_millis(1));
    house.upstream.stand_still();
    let error = house.resolve("course-101", true).await.unwrap_err();
    assert_eq!(error, UpstreamFailure::Timeout.into());
}

#[tokio::test]
async fn flights_are_bounded_and_leave_no_trace() {
    let house = house_with(|p| p.flights_max = 2);
    house.upstream.stand_still();
    let a = house.resolve_in_the_background("aaa", true).await;
    let b = house.resolve_in_the_background("bbb", true).await;
    let error = house.resolve("ccc", true).await.unwrap_err();
    assert_eq!(error, ResolveError::Busy);
    house.upstream.go_on();
    a.await.unwrap().unwrap();
    b.await.unwrap().unwrap();
    house.resolve("ccc", true).await.unwrap();
    assert_eq!(house.directory.flights.count(), 0);
}
