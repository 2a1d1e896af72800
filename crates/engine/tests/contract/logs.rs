//! Logs: complete, in order, and the same over any number of cuts.

use futures::TryStreamExt as _;
use pierhead_engine::{
    log::{Follow, LogCursor, Output},
    simulated::Act,
};

use super::{Lab, PATIENCE, text};

fn lines(count: usize) -> Vec<Act> {
    (0..count)
        .map(|line| Act::Print {
            output: if line % 3 == 0 { Output::Stderr } else { Output::Stdout },
            text: format!("line {line}"),
        })
        .collect()
}

pub(crate) async fn both_outputs_in_order(lab: &Lab) {
    let id = lab.start(&lab.spec("one", &lines(30))).await;
    lab.wait(&id).await;
    let chunks = lab.log(&id, LogCursor::default()).await;
    for output in [Output::Stdout, Output::Stderr] {
        let of_output: Vec<_> = chunks.iter().filter(|chunk| chunk.output == output).collect();
        assert!(of_output.windows(2).all(|pair| pair[0].at <= pair[1].at), "stamps go back");
        let got: Vec<_> = of_output.iter().map(|chunk| String::from_utf8_lossy(&chunk.bytes)).collect();
        let sent: Vec<_> = (0..30)
            .filter(|line| (line % 3 == 0) == (output == Output::Stderr))
            .map(|line| format!("line {line}\n"))
            .collect();
        assert_eq!(got, sent);
    }
}

/// Cuts the followed log of a writing container again and again, and reads on from the cursor.
pub(crate) async fn a_cut_log_resumes(lab: &Lab) {
    let mut acts = Vec::new();
    for chunk in lines(200).chunks(20) {
        acts.extend_from_slice(chunk);
        acts.push(Act::Sleep { millis: 30 });
    }
    let id = lab.start(&lab.spec("one", &acts)).await;
    let mut cursor = LogCursor::default();
    let mut got = Vec::new();
    let reading = async {
        for at_most in [1, 2, 3, 7, 1, 40, 1, 1, 60, usize::MAX] {
            let mut stream = lab.engine.logs(&id, cursor, Follow::Yes).await.expect("opened");
            for _ in 0..at_most {
                let Some(chunk) = stream.try_next().await.expect("read") else { break };
                // A cursor survives being stored.
                let stored = serde_json::to_string(&chunk.cursor).expect("stored");
                cursor = serde_json::from_str(&stored).expect("loaded");
                got.push(chunk);
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("read in time");
    let whole = lab.log(&id, LogCursor::default()).await;
    assert_eq!(text(&got), text(&whole));
    assert_eq!(got.len(), 200);
    assert_eq!(lab.log(&id, cursor).await, [], "nothing is left");
}

pub(crate) async fn a_followed_log_ends_with_the_container(lab: &Lab) {
    let id = lab
        .start(&lab.spec("one", &[Act::print("first"), Act::Sleep { millis: 200 }, Act::print("last")]))
        .await;
    let stream = lab.engine.logs(&id, LogCursor::default(), Follow::Yes).await.expect("opened");
    let chunks: Vec<_> =
        tokio::time::timeout(PATIENCE, stream.try_collect()).await.expect("ended").expect("read");
    assert_eq!(text(&chunks), "first\nlast\n");
}
