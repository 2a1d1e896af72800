//! A DNS server whose zones a test changes while it runs.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

type Zones = Arc<Mutex<World>>;

#[derive(Debug, Default)]
struct World {
    /// By name, without the dot at the end.
    records: HashMap<String, Vec<RData>>,
    broken: bool,
    asked: u64,
}

/// Answers by UDP. Dropping it ends it.
#[derive(Debug)]
pub struct Dns {
    pub address: SocketAddr,
    zones: Zones,
    task: tokio::task::JoinHandle<()>,
}

impl Dns {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let zones = Zones::default();
        let task = tokio::spawn(serve(socket, Arc::clone(&zones)));
        Self { address, zones, task }
    }

    pub fn txt(&self, name: &str, text: &str) {
        self.add(name, RData::TXT(TXT::new(vec![text.to_owned()])));
    }

    pub fn cname(&self, name: &str, target: &str) {
        self.add(name, RData::CNAME(CNAME(Name::from_ascii(format!("{target}.")).unwrap())));
    }

    pub fn address(&self, name: &str, address: Ipv4Addr) {
        self.add(name, RData::A(A(address)));
    }

    fn add(&self, name: &str, data: RData) {
        self.zones.lock().unwrap().records.entry(name.to_owned()).or_default().push(data);
    }

    /// Nothing is known of this name any more.
    pub fn remove(&self, name: &str) {
        self.zones.lock().unwrap().records.remove(name);
    }

    /// Every question is answered with a failure of the server, or not any more.
    pub fn set_broken(&self, broken: bool) {
        self.zones.lock().unwrap().broken = broken;
    }

    /// Questions so far.
    pub fn asked(&self) -> u64 {
        self.zones.lock().unwrap().asked
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, zones: Zones) {
    let mut buffer = [0; 4096];
    while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
        let Ok(question) = Message::from_vec(buffer.get(..count).unwrap_or_default()) else { continue };
        let answer = answer(&question, &zones);
        let _ = socket.send_to(&answer.to_vec().unwrap(), from).await;
    }
}

fn answer(question: &Message, zones: &Zones) -> Message {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    let mut zones = zones.lock().unwrap();
    zones.asked += 1;
    if zones.broken {
        answer.metadata.response_code = ResponseCode::ServFail;
    }
    for query in &question.queries {
        answer.add_query(query.clone());
        if zones.broken {
            continue;
        }
        let name = query.name().to_ascii().trim_end_matches('.').to_lowercase();
        let Some(records) = zones.records.get(&name) else {
            answer.metadata.response_code = ResponseCode::NXDomain;
            continue;
        };
        let wanted = |data: &&RData| match data {
            RData::CNAME(_) => true,
            data => data.record_type() == query.query_type() || query.query_type() == RecordType::ANY,
        };
        for data in records.iter().filter(wanted) {
            answer.add_answer(Record::from_rdata(query.name().clone(), 0, data.clone()));
        }
    }
    answer
}
