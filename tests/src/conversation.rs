//! One connection between sealgram and a foreign program from beginning to end, with a relay
//! between them.

use core::fmt::{self, Display};

use crate::foreign::{Foreign, Habits};
use crate::names::Alert;
use crate::program::{Exit, Program, Stream};
use crate::relay::{Loss, Relay};
use crate::scene::{Checked, Scene, check, check_eq};
use crate::sealgram::{Report, Reports, Sealgram, SealgramConnect, SealgramListen};

/// Which end sealgram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `sealgram connect` to the foreign server.
    Client,
    /// The foreign client to `sealgram listen`.
    Server,
}

impl Role {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];
}

impl Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "sealgram client",
            Self::Server => "sealgram server",
        })
    }
}

/// Both programs, at work.
#[derive(Debug)]
pub struct Conversation<'s> {
    relay: Relay,
    ours: Ours<'s>,
    foreign: Program<'s>,
    habits: Habits,
}

#[derive(Debug)]
enum Ours<'s> {
    Client(SealgramConnect<'s>),
    Server(SealgramListen<'s>),
}

/// What is left of a conversation that went well.
#[derive(Debug)]
pub struct Ended {
    /// How sealgram ended.
    pub sealgram: Exit,
    /// What sealgram reported.
    pub report: Report,
    /// How the foreign program ended.
    pub foreign: Exit,
    /// What was on the wire.
    pub relay: Relay,
}

impl<'s> Conversation<'s> {
    /// Starts the server, waits until it is ready, and starts the client. A sealgram server
    /// leaves after its first connection.
    ///
    /// # Errors
    ///
    /// If one of them does not start.
    pub fn start<F: Foreign>(
        scene: &'s Scene,
        role: Role,
        sealgram: &Sealgram,
        foreign: &F,
        loss: Loss,
    ) -> Checked<Self> {
        let habits = F::HABITS;
        Ok(match role {
            Role::Client => {
                let server = foreign.serve_one(scene)?;
                let relay = Relay::to(server.address, loss)?;
                let client = sealgram.connect(scene, relay.address())?;
                Self { relay, ours: Ours::Client(client), foreign: server.program, habits }
            }
            Role::Server => {
                let server = sealgram.clone().with("--count", "1").listen(scene)?;
                let relay = Relay::to(server.address, loss)?;
                let client = foreign.call(scene, relay.address())?;
                Self { relay, ours: Ours::Server(server), foreign: client, habits }
            }
        })
    }

    /// Sends `text` from sealgram to the foreign program and back, or the other way round: whoever
    /// is the client speaks first.
    ///
    /// # Errors
    ///
    /// If it does not come back.
    pub fn echo(&mut self, text: &str) -> Checked {
        let line = format!("{text}\n");
        match &mut self.ours {
            Ours::Client(client) => {
                client.program.input(line.as_bytes())?;
                self.foreign.wait_for(Stream::Out, text)?;
                if !self.habits.server_echoes {
                    self.foreign.input(line.as_bytes())?;
                }
                client.program.wait_for(Stream::Out, text)
            }
            Ours::Server(_) => {
                // `listen` sends back what it gets, and no foreign client repeats its input.
                self.foreign.input(line.as_bytes())?;
                self.foreign.wait_for(Stream::Out, text)
            }
        }
    }

    /// The end that is sealgram.
    pub fn sealgram(&mut self) -> &mut Program<'s> {
        match &mut self.ours {
            Ours::Client(client) => &mut client.program,
            Ours::Server(server) => &mut server.program,
        }
    }

    /// The end that is not.
    pub fn foreign(&mut self) -> &mut Program<'s> {
        &mut self.foreign
    }

    /// What sealgram reports.
    pub fn reports(&self) -> &Reports<'s> {
        match &self.ours {
            Ours::Client(client) => &client.reports,
            Ours::Server(server) => &server.reports,
        }
    }

    /// What is between the two.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Lets the client close the connection and waits for the end of both.
    ///
    /// # Errors
    ///
    /// If one of them does not end, or not with 0, or sealgram has something to complain about.
    pub fn end(mut self) -> Checked<Ended> {
        match (&mut self.ours, self.habits.close) {
            (Ours::Client(client), _) => client.program.end_input(),
            (Ours::Server(_), Some(command)) => self.foreign.input(command)?,
            (Ours::Server(_), None) => self.foreign.end_input(),
        }
        let sealgram = self.sealgram().exit()?;
        // A foreign server that has heard nothing would go on: this proves that it got the
        // close_notify of a sealgram client.
        let foreign = match &self.ours {
            Ours::Client(_) if !self.habits.server_leaves => {
                self.foreign.wait_for(Stream::Out, "EOF")?;
                self.foreign.kill()?
            }
            Ours::Client(_) | Ours::Server(_) => {
                let exit = self.foreign.exit()?;
                let what = format!("the exit code of {}", self.habits.name);
                check_eq(&what, exit.code, Some(0))?;
                exit
            }
        };
        check_eq("sealgram's exit code", sealgram.code, Some(0))?;
        let report = self.reports().wait_for_one()?;
        report.check_flawless()?;
        report.check(
            match &self.ours {
                Ours::Client(_) => "alert_sent",
                Ours::Server(_) => "alert_received",
            },
            "close_notify",
        )?;
        Ok(Ended { sealgram, report, foreign, relay: self.relay })
    }

    /// Waits until the handshake has failed at both ends, because `refuser` sent this alert. A
    /// sealgram client has ended then; a sealgram server is still there, as it must be.
    ///
    /// # Errors
    ///
    /// If the handshake does not fail, or not like that.
    pub fn fail(mut self, refuser: Refuser, alert: Alert) -> Checked<Failed> {
        let code = match &mut self.ours {
            Ours::Client(client) => client.program.exit()?.code,
            Ours::Server(_) => {
                let code = self.foreign.exit()?.code;
                let what = format!("{} ended as if all were well", self.habits.name);
                check(code != Some(0), what)?;
                None
            }
        };
        // GnuTLS answers an alert with one more hello before it gives up: two are reported then.
        let report = self.reports().wait_for(1)?.swap_remove(0);
        check(!report.is_null("error"), "sealgram reports no error")?;
        self.sealgram().wait_for(Stream::Err, alert.name)?;
        match refuser {
            Refuser::Sealgram => {
                let (stream, text) = (self.habits.alert)(alert);
                self.foreign.wait_for(stream, &text)?;
                report.check("alert_sent", alert.name)?;
            }
            Refuser::Foreign => report.check("alert_received", alert.name)?,
        }
        Ok(Failed { code, stderr: self.sealgram().text(Stream::Err), report })
    }
}

/// Which program refuses the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuser {
    /// sealgram does.
    Sealgram,
    /// The foreign program does.
    Foreign,
}

/// What is left of a conversation that did not come about.
#[derive(Debug)]
pub struct Failed {
    /// The exit code of a sealgram client; `None` for a server, which goes on.
    pub code: Option<i32>,
    /// What sealgram wrote to standard error.
    pub stderr: String,
    /// What sealgram reported.
    pub report: Report,
}
