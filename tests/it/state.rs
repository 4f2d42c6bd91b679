//! The state in process, and in a file that outlives it.

use std::path::Path;
use std::time::Duration;

use room_broker::clock::{Clock, ManualClock, UnixTime};
use room_broker::metrics::Metrics;
use room_broker::state::{FileFault, Parameters, Records, Space, State};

use crate::state_contract::{self, House};
use crate::support::START;

struct OneProcess {
    state: State,
    clock: Clock,
    hand: ManualClock,
}

fn opened(file: Option<&Path>) -> Result<OneProcess, FileFault> {
    let (clock, hand) = Clock::manual(START);
    let parameters = Parameters::Embedded {
        file: file.map(Path::to_owned),
    };
    Ok(OneProcess {
        state: State::open(&parameters, clock.clone(), Metrics::default())?,
        clock,
        hand,
    })
}

impl House for OneProcess {
    fn one(&self) -> State {
        self.state.clone()
    }
    fn other(&self) -> State {
        self.state.clone()
    }
    fn short(&self) -> Duration {
        Duration::from_secs(5)
    }
    fn pass(&self, duration: Duration) {
        self.hand.advance(duration);
    }
    fn now(&self) -> UnixTime {
        self.clock.now()
    }
}

const NUMBERS: Space = Space {
    name: "numbers",
    version: 1,
    records_max: 10,
};

#[tokio::test]
async fn the_state_in_memory_does_what_every_form_does() {
    state_contract::holds(&opened(None).unwrap()).await;
}

#[tokio::test]
async fn the_state_in_a_file_does_what_every_form_does() {
    let folder = tempfile::tempdir().unwrap();
    state_contract::holds(&opened(Some(&folder.path().join("state"))).unwrap()).await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    let house = opened(Some(&file)).unwrap();
    assert!(house.state.is_durable());
    let records = Records::<u32>::new(house.one(), NUMBERS);
    let end = house.now().plus(Duration::from_secs(60));
    records.put("one", &1, None).await.unwrap();
    records.put("two", &2, Some(end)).await.unwrap();
    records.put("gone", &3, None).await.unwrap();
    records.delete("gone").await.unwrap();
    drop((house, records));

    let house = opened(Some(&file)).unwrap();
    let records = Records::<u32>::new(house.one(), NUMBERS);
    assert_eq!(records.list().await.unwrap().len(), 2);
    assert_eq!(records.get("one").await.unwrap(), Some(1));
    assert_eq!(records.get("two").await.unwrap(), Some(2));
    house.pass(Duration::from_secs(60));
    assert_eq!(records.get("two").await.unwrap(), None);
}

#[tokio::test]
async fn two_processes_cannot_have_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    let _first = opened(Some(&file)).unwrap();
    let second = opened(Some(&file)).err().unwrap();
    assert!(second.to_string().starts_with("state.file: "), "{second}");
}

#[tokio::test]
async fn a_file_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    std::fs::write(&file, "my diary, ".repeat(1000)).unwrap();
    assert!(opened(Some(&file)).is_err());
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .starts_with("my diary")
    );
    assert!(opened(Some(Path::new("/nowhere/state"))).is_err());
}
