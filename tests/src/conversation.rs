//! One connection between sealgram and openssl from beginning to end, with a relay between them.

use core::fmt::{self, Display};

use crate::openssl::{Alert, Openssl, OpensslClient, OpensslServer};
use crate::program::{Exit, Program, Stream};
use crate::relay::{Loss, Relay};
use crate::scene::{Checked, Scene, check, check_eq};
use crate::sealgram::{Report, Reports, Sealgram, SealgramConnect, SealgramListen};

/// Which end sealgram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `sealgram connect` to `openssl s_server`.
    Client,
    /// `openssl s_client` to `sealgram listen`.
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
    ends: Ends<'s>,
}

#[derive(Debug)]
enum Ends<'s> {
    Client(SealgramConnect<'s>, OpensslServer<'s>),
    Server(SealgramListen<'s>, OpensslClient<'s>),
}

/// What is left of a conversation that went well.
#[derive(Debug)]
pub struct Ended {
    /// How sealgram ended.
    pub sealgram: Exit,
    /// What sealgram reported.
    pub report: Report,
    /// How openssl ended.
    pub openssl: Exit,
    /// What was on the wire.
    pub relay: Relay,
}

impl<'s> Conversation<'s> {
    /// Starts the server, waits until it is ready, and starts the client. A sealgram server
    /// leaves after its first connection, and an openssl server too.
    ///
    /// # Errors
    ///
    /// If one of them does not start.
    pub fn start(
        scene: &'s Scene,
        role: Role,
        sealgram: &Sealgram,
        openssl: &Openssl,
        loss: Loss,
    ) -> Checked<Self> {
        Ok(match role {
            Role::Client => {
                let server = openssl.clone().with("-naccept", "1").serve(scene)?;
                let relay = Relay::to(server.address, loss)?;
                let client = sealgram.connect(scene, relay.address())?;
                Self { relay, ends: Ends::Client(client, server) }
            }
            Role::Server => {
                let server = sealgram.clone().with("--count", "1").listen(scene)?;
                let relay = Relay::to(server.address, loss)?;
                let client = openssl.connect(scene, relay.address())?;
                Self { relay, ends: Ends::Server(server, client) }
            }
        })
    }

    /// Sends `text` from sealgram to openssl and back, or the other way round: whoever is the
    /// client speaks first.
    ///
    /// # Errors
    ///
    /// If it does not come back.
    pub fn echo(&mut self, text: &str) -> Checked {
        let line = format!("{text}\n");
        match &mut self.ends {
            Ends::Client(client, server) => {
                client.program.input(line.as_bytes())?;
                server.program.wait_for(Stream::Out, text)?;
                server.program.input(line.as_bytes())?;
                client.program.wait_for(Stream::Out, text)
            }
            Ends::Server(_, client) => {
                // `listen` sends back what it gets, and s_client does not repeat its input.
                client.program.input(line.as_bytes())?;
                client.program.wait_for(Stream::Out, text)
            }
        }
    }

    /// The cipher suite, by openssl's name and according to it.
    ///
    /// # Errors
    ///
    /// If no handshake gets done.
    pub fn cipher(&self) -> Checked<String> {
        match &self.ends {
            Ends::Client(_, server) => server.cipher(),
            Ends::Server(_, client) => client.cipher(),
        }
    }

    /// What `s_client` says about the group; `s_server` says nothing.
    ///
    /// # Errors
    ///
    /// If no handshake gets done.
    pub fn group(&self) -> Checked<Option<String>> {
        match &self.ends {
            Ends::Client(..) => Ok(None),
            Ends::Server(_, client) => client.group().map(Some),
        }
    }

    /// The end that is sealgram.
    pub fn sealgram(&mut self) -> &mut Program<'s> {
        match &mut self.ends {
            Ends::Client(client, _) => &mut client.program,
            Ends::Server(server, _) => &mut server.program,
        }
    }

    /// The end that is openssl.
    pub fn openssl(&mut self) -> &mut Program<'s> {
        match &mut self.ends {
            Ends::Client(_, server) => &mut server.program,
            Ends::Server(_, client) => &mut client.program,
        }
    }

    /// What sealgram reports.
    pub fn reports(&self) -> &Reports<'s> {
        match &self.ends {
            Ends::Client(client, _) => &client.reports,
            Ends::Server(server, _) => &server.reports,
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
        match &mut self.ends {
            Ends::Client(client, _) => client.program.end_input(),
            Ends::Server(_, client) => client.program.input(b"Q\n")?,
        }
        let sealgram = self.sealgram().exit()?;
        let openssl = self.openssl().exit()?;
        check_eq("sealgram's exit code", sealgram.code, Some(0))?;
        check_eq("openssl's exit code", openssl.code, Some(0))?;
        let report = self.reports().wait_for_one()?;
        report.check_flawless()?;
        // A server that has heard nothing would still be there: openssl's end proves that it got
        // the close_notify of a sealgram client.
        report.check(
            match &self.ends {
                Ends::Client(..) => "alert_sent",
                Ends::Server(..) => "alert_received",
            },
            "close_notify",
        )?;
        Ok(Ended { sealgram, report, openssl, relay: self.relay })
    }

    /// Waits until the handshake has failed at both ends, because `refuser` sent this alert. A
    /// sealgram client has ended then; a sealgram server is still there, as it must be.
    ///
    /// # Errors
    ///
    /// If the handshake does not fail, or not like that.
    pub fn fail(mut self, refuser: Refuser, alert: Alert) -> Checked<Failed> {
        let code = match &mut self.ends {
            Ends::Client(client, _) => client.program.exit()?.code,
            Ends::Server(_, client) => {
                let code = client.program.exit()?.code;
                check(code != Some(0), "openssl ended as if all were well")?;
                None
            }
        };
        let report = self.reports().wait_for_one()?;
        check(!report.is_null("error"), "sealgram reports no error")?;
        self.sealgram().wait_for(Stream::Err, alert.name)?;
        match refuser {
            Refuser::Sealgram => {
                let text = format!("SSL alert number {}\n", alert.number);
                self.openssl().wait_for(Stream::Err, &text)?;
                report.check("alert_sent", alert.name)?;
            }
            Refuser::Openssl => report.check("alert_received", alert.name)?,
        }
        Ok(Failed { code, stderr: self.sealgram().text(Stream::Err), report })
    }
}

/// Which program refuses the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuser {
    /// sealgram does.
    Sealgram,
    /// openssl does.
    Openssl,
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
