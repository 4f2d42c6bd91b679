//! Rooms that are found or created, once, and proven to be ours.

use futures_util::future::join_all;

use super::*;

#[tokio::test]
async fn a_thousand_callers_at_once_make_one_room_and_one_of_them_made_it() {
    let house = house();
    let found = join_all((0..1000).map(|_| house.resolve("Course+101", true))).await;
    let found: Vec<Found> = found.into_iter().map(Result::unwrap).collect();
    assert!(found.iter().all(|f| f.room.id() == found[0].room.id()));
    assert_eq!(found.iter().filter(|f| f.created).count(), 1);
    assert_eq!((house.finds(), house.creations()), (1, 1));
    assert_eq!(house.metrics.rooms_created.get(), 1);
}

#[tokio::test]
async fn a_caller_who_hangs_up_neither_ends_the_creation_nor_starts_a_second() {
    let house = house();
    house.upstream.stand_still();
    for _ in 0..10 {
        let task = house.resolve_in_a_task("course-101", true);
        house.upstream.until(|calls| calls.finds == 1).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    let last = house.resolve("course-101", true);
    house.upstream.go_on();
    assert!(!last.await.unwrap().created);
    assert_eq!((house.finds(), house.creations()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_tasks_of_which_half_hang_up_make_one_room() {
    let house = house();
    house.upstream.stand_still();
    let mut tasks = Vec::new();
    for _ in 0..1000 {
        tasks.push(house.resolve_in_a_task("course-101", true));
    }
    house.upstream.until(|calls| calls.finds > 0).await;
    tasks
        .iter()
        .step_by(2)
        .for_each(tokio::task::JoinHandle::abort);
    house.upstream.go_on();
    let mut rooms = Vec::new();
    for task in tasks {
        match task.await {
            Ok(found) => rooms.push(found.unwrap().room.id()),
            Err(aborted) => assert!(aborted.is_cancelled()),
        }
    }
    rooms.dedup();
    assert_eq!(rooms.len(), 1);
    assert_eq!((house.finds(), house.creations()), (1, 1));
}

#[tokio::test]
async fn one_who_may_create_is_not_held_back_by_one_who_may_not() {
    let house = house();
    house.upstream.stand_still();
    let student = house.resolve_in_the_background("course-101", false).await;
    let teacher = house.resolve_in_a_task("course-101", true);
    while house.directory.waiters.available_permits() > WAITERS_MAX - 2 {
        tokio::task::yield_now().await;
    }
    house.upstream.go_on();
    assert_eq!(student.await.unwrap().unwrap_err(), ResolveError::NotFound);
    assert!(teacher.await.unwrap().unwrap().created);
    assert_eq!((house.finds(), house.creations()), (2, 1));
}

#[tokio::test]
async fn a_name_taken_in_between_is_read_instead() {
    let house = house();
    house
        .upstream
        .next_creation(Fate::Taken(Some("course-101".to_owned())));
    let found = house.resolve("course-101", true).await.unwrap();
    assert!(!found.created);
    assert_eq!((house.finds(), house.creations()), (2, 1));
    assert_eq!(house.metrics.rooms_created.get(), 0);

    house
        .upstream
        .next_creation(Fate::Taken(Some("course.102".to_owned())));
    let error = house.resolve("course-102", true).await.unwrap_err();
    assert_eq!(error, ResolveError::BelongsToAnother);
}

#[tokio::test]
async fn a_creation_without_an_answer_is_read_back_before_it_is_sent_again() {
    let lost = [
        UpstreamFailure::Timeout,
        UNAVAILABLE,
        UpstreamFailure::Malformed { what: "half" },
    ];
    for failure in lost {
        let house = house();
        house
            .upstream
            .next_creation(Fate::SucceedsButFails(failure.clone()));
        let found = house.resolve("course-101", true).await.unwrap();
        assert!(found.created);
        assert_eq!((house.finds(), house.creations()), (2, 1));

        house.upstream.next_creation(Fate::Fails(failure.clone()));
        assert!(house.resolve("course-102", true).await.unwrap().created);
        assert_eq!((house.finds(), house.creations()), (4, 3));

        house.upstream.next_creation(Fate::Fails(failure.clone()));
        house.upstream.next_creation(Fate::Fails(failure.clone()));
        let error = house.resolve("course-103", true).await.unwrap_err();
        assert_eq!(error, failure.into());
        assert_eq!(house.creations(), 5);
    }
}

#[tokio::test]
async fn a_creation_that_upstream_refused_is_not_sent_again() {
    let refusals = [
        UpstreamFailure::Refused { status: 401 },
        UpstreamFailure::OutOfBudget {
            retry_after: Duration::from_secs(17),
        },
        UpstreamFailure::Rejected {
            status: 422,
            fields: vec!["roles".to_owned()],
        },
    ];
    for failure in refusals {
        let house = house();
        house.upstream.next_creation(Fate::Fails(failure.clone()));
        let error = house.resolve("course-101", true).await.unwrap_err();
        assert_eq!(error, failure.into());
        assert_eq!((house.finds(), house.creations()), (1, 1));
    }
}

#[tokio::test]
async fn a_room_of_another_or_of_nobody_is_refused_unless_adopted() {
    let house = house();
    house.upstream.put("others", |room| {
        room.external_id = Some("Others".to_owned());
    });
    house
        .upstream
        .put("nobodys", |room| room.external_id = None);
    house
        .upstream
        .put("blank", |room| room.external_id = Some(String::new()));
    for may_create in [false, true] {
        let error = house.resolve("others", may_create).await.unwrap_err();
        assert_eq!(error, ResolveError::BelongsToAnother);
        let error = house.resolve("nobodys", may_create).await.unwrap_err();
        assert_eq!(error, ResolveError::Unclaimed);
        let error = house.resolve("blank", may_create).await.unwrap_err();
        assert_eq!(error, ResolveError::Unclaimed);
    }
    assert_eq!(house.creations(), 0);

    let adopting = house_with(|p| p.adopt = true);
    adopting.upstream.put("others", |room| {
        room.external_id = Some("Others".to_owned());
    });
    adopting
        .upstream
        .put("nobodys", |room| room.external_id = None);
    let error = adopting.resolve("others", true).await.unwrap_err();
    assert_eq!(error, ResolveError::BelongsToAnother);
    assert!(!adopting.resolve("nobodys", true).await.unwrap().created);
}

#[tokio::test]
async fn a_public_room_is_refused_unless_its_template_says_public() {
    let house = house();
    house
        .upstream
        .put("course-101", |room| room.is_private = false);
    let error = house.resolve("course-101", true).await.unwrap_err();
    assert_eq!(error, ResolveError::NotPrivate);
    house
        .upstream
        .put("open-day", |room| room.is_private = false);
    house.resolve("open-day", false).await.unwrap();
    assert!(house.resolve("open-night", true).await.unwrap().created);
}

#[tokio::test]
async fn a_room_whose_roles_upstream_did_not_tell_has_the_team_s() {
    let house = house();
    house.upstream.put("course-101", |room| room.roles.clear());
    let room = house.resolve("course-101", false).await.unwrap().room;
    assert!(room.has_role(&"team-role".parse().unwrap()));
    house.resolve("course-102", true).await.unwrap();
    assert_eq!(house.upstream.calls().role_reads, 1);
}
