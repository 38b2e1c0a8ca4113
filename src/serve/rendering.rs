//! Pages that grow with the targets: all metrics, and the overview. They are rendered beside the thread on which everything else
//! happens, one after the other, from what is known when their turn comes. Who asks for the same page before that shares it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::watch;

use super::language::Spoken;
use super::schedule::{Series, gather};
use super::{State, locked, own, pages};
use crate::error::Error;
use crate::exposition::{Gathered, Notation};

/// What is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    Overview(Spoken),
    Metrics(Notation),
}

type Waiting = watch::Receiver<Option<Bytes>>;

/// Whose turn it is, and what waits for it.
#[derive(Default)]
pub(super) struct Renderings {
    turn: tokio::sync::Mutex<()>,
    waiting: Mutex<Vec<(Page, Waiting)>>,
}

/// A page with nothing older in it than the question.
///
/// # Errors
/// When rendering broke down, which is a defect.
pub(super) async fn rendered(state: &Arc<State>, page: Page) -> Result<Bytes, Error> {
    let mut waiting = asked_for(state, page);
    let rendered = waiting.wait_for(Option::is_some).await.ok().and_then(|text| text.clone());
    rendered.ok_or_else(|| Error::Start { what: "the page", problem: "it could not be rendered".to_owned() })
}

fn asked_for(state: &Arc<State>, page: Page) -> Waiting {
    let mut waiting = locked(&state.renderings.waiting);
    if let Some((_, known)) = waiting.iter().find(|(known, _)| *known == page) {
        return known.clone();
    }
    let (sender, receiver) = watch::channel(None);
    waiting.push((page, receiver.clone()));
    let state = Arc::clone(state);
    tokio::spawn(async move {
        let _turn = state.renderings.turn.lock().await;
        // Who asks from now on is owed what happens from now on.
        locked(&state.renderings.waiting).retain(|(known, _)| *known != page);
        let (board, all) = (Arc::clone(&state), locked(&state.board).series());
        let rendering = tokio::task::spawn_blocking(move || page.render(&board, &all));
        if let Ok(text) = rendering.await {
            sender.send_replace(Some(Bytes::from(text)));
        }
    });
    receiver
}

impl Page {
    fn render(self, state: &State, all: &[Arc<Series>]) -> String {
        match self {
            Self::Overview(spoken) => pages::overview(state, all, spoken),
            Self::Metrics(notation) => {
                let mut gathered = Gathered::new(notation);
                gathered.take(&own::families(state));
                gather(&state.setups.current(), all, &mut gathered);
                gathered.finish()
            }
        }
    }
}
