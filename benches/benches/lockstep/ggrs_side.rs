//! ggrs 0.13 as its own example drives it: the same main loop, the same slowing down of whoever is ahead. In lockstep
//! it keeps only the newest input that came as a reference to decode by, so it drops each datagram that
//! begins at an older one, which at a round trip of 160 ms are most: about one batch of inputs gets through per round trip.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::rc::Rc;

use ggrs::{
    Config, GgrsError, GgrsRequest, Message, NonBlockingSocket, P2PSession, PlayerType, PredictRepeatLast,
    SessionBuilder, SessionState,
};
use netcode::netsim::Random;
use serde_json::Value;

use crate::Session;
use crate::link::Network;
use crate::measure::{DELAY_FRAMES, FRAME_US, FRAMES_PER_S, InputBytes, Tally};
use crate::relay::{Relay, Shared};

/// The types of the game.
pub struct Game;

impl Config for Game {
    type Input = InputBytes;
    type InputPredictor = PredictRepeatLast;
    type State = u64;
    type Address = usize;
}

/// Both ends of a socket: what the network has brought, and what it is to take.
#[derive(Default)]
struct Boxes {
    arrived: VecDeque<(usize, Vec<u8>)>,
    leaving: Vec<(usize, Vec<u8>)>,
}

/// As `UdpNonBlockingSocket`, without the system calls.
struct Memory(Rc<RefCell<Boxes>>);

/// As `UdpNonBlockingSocket`, which does not tell its port.
struct Udp {
    socket: UdpSocket,
    /// Where this peer finds each of the others.
    addresses: Vec<SocketAddr>,
    buffer: [u8; 4096],
}

impl NonBlockingSocket<usize> for Udp {
    fn send_to(&mut self, message: &Message, to: &usize) {
        let bytes = bincode::serialize(message).expect("messages of ggrs can be written");
        self.socket.send_to(&bytes, self.addresses[*to]).expect("loopback takes it");
    }

    fn receive_all_messages(&mut self) -> Vec<(usize, Message)> {
        let mut received = Vec::new();
        while let Ok((length, from)) = self.socket.recv_from(&mut self.buffer) {
            let from = self.addresses.iter().position(|address| *address == from).expect("a peer of the session");
            received.extend(bincode::deserialize(&self.buffer[..length]).ok().map(|message| (from, message)));
        }
        received
    }
}

impl NonBlockingSocket<usize> for Memory {
    fn send_to(&mut self, message: &Message, to: &usize) {
        let bytes = bincode::serialize(message).expect("messages of ggrs can be written");
        self.0.borrow_mut().leaving.push((*to, bytes));
    }

    fn receive_all_messages(&mut self) -> Vec<(usize, Message)> {
        let arrived = std::mem::take(&mut self.0.borrow_mut().arrived);
        arrived.into_iter().filter_map(|(from, bytes)| Some((from, bincode::deserialize(&bytes).ok()?))).collect()
    }
}

struct Peer {
    session: P2PSession<Game>,
    boxes: Rc<RefCell<Boxes>>,
    /// Something has arrived in its socket.
    has_arrived: bool,
    random: Random,
    /// Time that is not yet made into frames, and when the loop ran last.
    saved_us: f64,
    last_us: u64,
    /// The input of the frame that is due, once it is drawn, and whether that frame has been refused before.
    input: Option<InputBytes>,
    refused: bool,
    frame: u64,
}

/// A session of ggrs.
pub struct Ggrs {
    peers: Vec<Peer>,
    network: Shared,
    /// With real sockets.
    relay: Option<Relay>,
    tally: Tally,
    lockstep: bool,
}

impl Ggrs {
    /// `prediction`: 0 for lockstep. `udp`: with sockets and their system calls, as we have them.
    pub fn new(peers: usize, prediction: usize, delay_frames: usize, seed: u64, udp: bool) -> Self {
        let network = Rc::new(RefCell::new(Network::new(seed, peers)));
        let mut relay = udp.then(|| Relay::new(peers, &network));
        let peer = |own: usize| {
            let mut builder = SessionBuilder::<Game>::new()
                .with_num_players(peers)
                .and_then(|builder| builder.with_fps(FRAMES_PER_S as usize))
                .expect("sound settings")
                .with_max_prediction_window(prediction)
                .with_input_delay(delay_frames);
            for player in 0..peers {
                let kind = if player == own { PlayerType::Local } else { PlayerType::Remote(player) };
                builder = builder.add_player(kind, player).expect("every player once");
            }
            let boxes = Rc::new(RefCell::new(Boxes::default()));
            let session = match &mut relay {
                None => builder.start_p2p_session(Memory(boxes.clone())),
                Some(relay) => {
                    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket on loopback");
                    socket.set_nonblocking(true).expect("sockets can do that");
                    relay.add(own, socket.local_addr().expect("it is bound"));
                    let addresses = (0..peers).map(|other| relay.address(own, other)).collect();
                    builder.start_p2p_session(Udp { socket, addresses, buffer: [0; 4096] })
                }
            };
            let session = session.expect("all players are there");
            let random = Random::new(seed, own as u64 + 1);
            let (saved_us, last_us, frame) = (0.0, 0, 0);
            Peer { session, boxes, has_arrived: false, random, saved_us, last_us, input: None, refused: false, frame }
        };
        let peers = (0..peers).map(peer).collect();
        Self { peers, network, relay, tally: Tally::default(), lockstep: prediction == 0 }
    }

    /// Lockstep at the input delay that everyone here has.
    pub fn lockstep(peers: usize, seed: u64, udp: bool) -> Self {
        Self::new(peers, 0, DELAY_FRAMES as usize, seed, udp)
    }

    /// Frames that are due, as in the example's loop. A frame that is refused is tried again at the next round.
    fn frames(&mut self, now_us: u64, own: usize) {
        let peer = &mut self.peers[own];
        let frame_us = if peer.session.frames_ahead() > 0 { FRAME_US as f64 * 1.1 } else { FRAME_US as f64 };
        peer.saved_us += (now_us - peer.last_us) as f64;
        peer.last_us = now_us;
        while peer.saved_us > frame_us {
            if peer.session.current_state() != SessionState::Running {
                peer.saved_us -= frame_us;
                continue;
            }
            let input = *peer.input.get_or_insert_with(|| {
                let input = peer.random.bits().to_le_bytes();
                self.tally.submit(now_us, own, input);
                input
            });
            let session = &mut peer.session;
            let outcome = self.tally.timed(|| {
                session.add_local_input(own, input).expect("the player is local");
                session.advance_frame()
            });
            let requests = match outcome {
                Ok(requests) => requests,
                Err(GgrsError::PredictionThreshold) => Vec::new(),
                Err(other) => panic!("ggrs: {other}"),
            };
            let mut advanced = false;
            for request in requests {
                match request {
                    GgrsRequest::SaveGameState { cell, frame } => {
                        cell.save(frame, Some(0), None);
                    }
                    GgrsRequest::LoadGameState { cell, .. } => drop(cell.load()),
                    GgrsRequest::AdvanceFrame { inputs } => {
                        advanced = true;
                        if self.lockstep {
                            let inputs: Vec<InputBytes> = inputs.iter().map(|(input, _)| *input).collect();
                            self.tally.execute(now_us, own, peer.frame, &inputs);
                        }
                    }
                }
            }
            if !advanced {
                self.tally.refused += u64::from(!peer.refused);
                peer.refused = true;
                // The frame clock stands and goes on from here. With the example's loop, which makes up for the lost
                // time by several frames at once, as many frame times pass without a frame.
                peer.saved_us = frame_us.next_up();
                break;
            }
            (peer.input, peer.refused) = (None, false);
            peer.frame += 1;
            peer.saved_us -= frame_us;
            if !self.lockstep {
                // What it executed is predicted and may change: only counted.
                self.tally.execute(now_us, own, u64::MAX, &[]);
            }
        }
    }
}

impl Session for Ggrs {
    fn step(&mut self, now_us: u64) {
        for own in 0..self.peers.len() {
            let peer = &mut self.peers[own];
            match &mut self.relay {
                Some(relay) => peer.has_arrived = relay.deliver(now_us, own),
                None => {
                    let mut boxes = peer.boxes.borrow_mut();
                    while let Some(arrived) = self.network.borrow_mut().arrived(now_us, own) {
                        boxes.arrived.push_back(arrived);
                    }
                    peer.has_arrived = !boxes.arrived.is_empty();
                }
            }
            // Between frames only if there is something to receive, which is kinder than the example's loop.
            let running = peer.session.current_state() == SessionState::Running;
            if !running || peer.has_arrived {
                let session = &mut peer.session;
                self.tally.timed(|| session.poll_remote_clients());
                peer.session.events().for_each(drop);
            }
            self.frames(now_us, own);
            let leaving = std::mem::take(&mut self.peers[own].boxes.borrow_mut().leaving);
            for (to, bytes) in leaving {
                self.network.borrow_mut().send(now_us, own, to, bytes);
            }
            if let Some(relay) = &mut self.relay {
                relay.collect(now_us, own);
            }
        }
    }

    fn measure_from(&mut self, now_us: u64) {
        let running = self.peers.iter().all(|peer| peer.session.current_state() == SessionState::Running);
        assert!(running, "the peers of ggrs have found each other");
        self.tally.restart(now_us, &self.network.borrow());
    }

    fn figures(&mut self, span_us: u64) -> Value {
        self.tally.figures(self.peers.len(), &self.network.borrow(), span_us)
    }
}
