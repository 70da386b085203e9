//! Three turns that are under way, one for each way to get a reply: whole, as events, and over a WebSocket.

use tokio::task::JoinHandle;

use super::{Answer, Events, Gate, Person, Provider, Reply, Socket, json, socket::spoken, told};

const FIRST: &str = "begun, ";
const LAST: &str = "done";

pub struct UnderWay {
    person: Person,
    gate: Gate,
    whole: JoinHandle<Answer>,
    events: Events,
    socket: Socket,
}

impl UnderWay {
    /// Returns when the provider has been called for all three.
    pub async fn begin(person: &Person, provider: &Provider) -> Self {
        let gate = Gate::closed();
        for _ in 0..3 {
            provider.next(Reply::text([FIRST]).then_wait(&gate).then(LAST));
        }
        let before = provider.calls().len();
        let asked = json!({"content": "slowly"});
        let whole = tokio::spawn({
            let (person, asked) = (person.clone(), asked.clone());
            async move { person.send(&asked).await }
        });
        let mut events = person.stream(&asked).await;
        events.expect("turn").await;
        assert_eq!(events.expect("delta").await["text"], FIRST);
        let mut socket = Socket::of(person).await;
        socket.say(&json!({"type": "send", "id": "a", "content": "slowly"})).await;
        socket.expect("turn").await;
        assert_eq!(socket.expect("delta").await["text"], FIRST);
        provider.called(before + 3).await;
        Self { person: person.clone(), gate, whole, events, socket }
    }

    /// Lets them go on, whatever is unavailable now; each is told whole.
    pub async fn ends_well(mut self) {
        self.gate.open();
        let text = format!("{FIRST}{LAST}");
        let whole = self.whole.await.unwrap().ok(201);
        assert_eq!(whole["assistant_message"]["content"], text);
        let events = self.events.all().await;
        assert_eq!((told(&events).as_str(), events.last().unwrap().name.as_str()), (LAST, "done"));
        let frames = self.socket.all_of("a").await;
        assert_eq!((spoken(&frames).as_str(), &frames.last().unwrap()["type"]), (LAST, &json!("done")));
        for turn in [&whole["turn"], &events.last().unwrap().data["turn"], &frames.last().unwrap()["turn"]] {
            assert_eq!(self.person.turn(&turn["id"]).await["state"], "completed");
        }
    }
}
