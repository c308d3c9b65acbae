//! Sound cards: a card has PCM devices, a PCM device has streams, and each level may set sample parameters.

use std::fmt::Display;

use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::nodes::{Entries, Nodes};
use crate::device::record::Record;
use crate::device::traits::{Kind, Listed, Step, When, listed_by_number, numbered, on_record};
use crate::device::view::{View, info};
use crate::engine::Op;
use crate::log::Logger;
use crate::store::layout;
use crate::types::{
    DeviceVsnd, Pcminfo, Streaminfo, VsndParams, VsndPcm, VsndPcmFormat, VsndStream,
    VsndStreamType, Vsndinfo,
};
use crate::{Domid, Error, Result};

/// The guest owns the tree of PCM devices and streams, and must not make it endless. That is how many there may be of both together.
const MAX_PARTS: usize = 256;
/// How many rates or formats one level may name.
const MAX_WORDS: usize = 64;

impl Kind for DeviceVsnd {
    numbered!(plain);

    fn set_defaults(&mut self, _: &Logger, _: &Guest, _: When) -> Result<()> {
        Ok(())
    }

    fn nodes(&self, device: &Device, _: &Guest) -> Result<Nodes> {
        let mut nodes = Nodes::handshake(device);
        let front = &mut nodes.front;
        front
            .set_some("long-name", self.long_name.as_deref())
            .set_some("short-name", self.short_name.as_deref());
        params("", &self.params, front);
        for (pcm, number) in self.pcms.iter().zip(0..) {
            front.set_some(format!("{number}/name"), pcm.name.as_deref());
            params(&format!("{number}/"), &pcm.params, front);
            for (stream, at) in pcm.streams.iter().zip(0..) {
                let path = format!("{number}/{at}/");
                front
                    .set_some(format!("{path}unique-id"), stream.unique_id.as_deref())
                    .set_some(
                        format!("{path}type"),
                        stream.type_.map(|type_| type_.name()),
                    );
                params(&path, &stream.params, front);
            }
        }
        Ok(nodes)
    }
}

/// Adds the parameters that are set, below `path`, which ends in a slash or is empty.
fn params(path: &str, params: &VsndParams, front: &mut Entries) {
    let set = |value: u32| (value != 0).then_some(value);
    let rates = list(params.sample_rates.iter());
    let formats = list(params.sample_formats.iter().map(|format| format.name()));
    front
        .set_some(format!("{path}sample-rates"), rates)
        .set_some(format!("{path}sample-formats"), formats)
        .set_some(format!("{path}channels-min"), set(params.channels_min))
        .set_some(format!("{path}channels-max"), set(params.channels_max))
        .set_some(format!("{path}buffer-size"), set(params.buffer_size));
}

/// The items with commas between them; nothing for none.
fn list(items: impl Iterator<Item = impl Display>) -> Option<String> {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    (!items.is_empty()).then(|| items.join(","))
}

impl Listed for DeviceVsnd {
    const KIND: DeviceKind = DeviceKind::Vsnd;
    const NAME: &'static str = "sound card";
    const STEP: Step = Step::Added;
    const FOLLOWED: Option<&'static str> = Some("vsnd");

    type Info = Vsndinfo;

    listed_by_number!(vsnds);

    fn adopt(&mut self, used: &Self) {
        self.devid = used.devid;
    }

    fn read(record: &Record) -> Result<Self> {
        Ok(on_record!(record))
    }

    async fn look(&mut self, op: &Op, domid: Domid) -> Result<()> {
        let device = self.device(domid)?;
        let view = &View { op, device };
        let card = Level::card(view);
        self.short_name = card.text("short-name").await?;
        self.long_name = card.text("long-name").await?;
        self.params = card.params().await?;
        let mut parts = 0;
        while let Some(level) = card.below(self.pcms.len(), &mut parts).await? {
            self.pcms.push(pcm(&level, &mut parts).await?);
        }
        Ok(())
    }

    async fn info(&self, view: &View<'_>) -> Result<Vsndinfo> {
        let mut pcms = Vec::with_capacity(self.pcms.len());
        for (pcm, number) in self.pcms.iter().zip(0..) {
            let mut streams = Vec::with_capacity(pcm.streams.len());
            for at in 0..pcm.streams.len() {
                let key = |key: &str| format!("{number}/{at}/{key}");
                streams.push(Streaminfo {
                    req_evtch: view.number(&key("event-channel")).await?,
                    req_rref: view.number(&key("ring-ref")).await?,
                });
            }
            pcms.push(Pcminfo { streams });
        }
        Ok(info!(
            view,
            Vsndinfo {
                devid: self.devid,
                pcms,
            }
        ))
    }
}

async fn pcm(level: &Level<'_>, parts: &mut usize) -> Result<VsndPcm> {
    let mut pcm = VsndPcm {
        name: level.text("name").await?,
        params: level.params().await?,
        streams: Vec::new(),
    };
    while let Some(stream) = level.below(pcm.streams.len(), parts).await? {
        let type_ = stream.parsed("type", VsndStreamType::from_name).await?;
        pcm.streams.push(VsndStream {
            unique_id: stream.text("unique-id").await?,
            type_,
            params: stream.params().await?,
        });
    }
    Ok(pcm)
}

/// A level of a card as its guest shows it: the card, a PCM device or a stream.
struct Level<'a> {
    view: &'a View<'a>,
    path: String,
}

impl<'a> Level<'a> {
    fn card(view: &'a View<'a>) -> Self {
        let path = view.device.frontend();
        Self { view, path }
    }

    /// Part `index` of this level, if there is one; `parts` counts those of the whole card.
    async fn below(&self, index: usize, parts: &mut usize) -> Result<Option<Self>> {
        let path = format!("{}/{index}", self.path);
        if self.view.op.store()?.read(&path).await?.is_none() {
            return Ok(None);
        }
        *parts += 1;
        if *parts > MAX_PARTS {
            let card = self.view.device.frontend();
            let what = format!("{card} has more than {MAX_PARTS} PCM devices and streams");
            return Err(self.error(what));
        }
        let view = self.view;
        Ok(Some(Self { view, path }))
    }

    async fn text(&self, key: &str) -> Result<Option<String>> {
        let value = self.view.op.store()?.read(&self.node(key)).await?;
        Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
    }

    /// What `parse` makes of the node `key`, if there is one.
    async fn parsed<T>(&self, key: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
        let Some(text) = self.text(key).await? else {
            return Ok(None);
        };
        let bad = || self.error(format!("{} has no valid value", self.node(key)));
        parse(&text).map(Some).ok_or_else(bad)
    }

    async fn params(&self) -> Result<VsndParams> {
        let number = async |key| self.parsed(key, layout::parse_number).await;
        let rates = self.parsed("sample-rates", |text| words(text, layout::parse_number));
        let formats = self.parsed("sample-formats", |text| {
            words(text, VsndPcmFormat::from_name)
        });
        Ok(VsndParams {
            sample_rates: rates.await?.unwrap_or_default(),
            sample_formats: formats.await?.unwrap_or_default(),
            channels_min: number("channels-min").await?.unwrap_or_default(),
            channels_max: number("channels-max").await?.unwrap_or_default(),
            buffer_size: number("buffer-size").await?.unwrap_or_default(),
        })
    }

    fn node(&self, key: &str) -> String {
        format!("{}/{key}", self.path)
    }

    fn error(&self, what: String) -> Error {
        Error::fail(what).domain(self.view.device.domid)
    }
}

/// Words with commas between them, all of which `parse` knows.
fn words<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    if text.split(',').nth(MAX_WORDS).is_some() {
        return None;
    }
    text.split(',').map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::list;
    use crate::device::tests::sample::{self, Sample};
    use crate::engine::testing::Bench;

    const CARD: &str = "/local/domain/7/device/vsnd/0";

    /// A guest with a card, whose directory holds these nodes beside.
    fn guest(nodes: &[(&str, &str)]) -> Bench {
        let bench = Bench::new();
        let record = "/libxl/7/device/vsnd/0";
        bench.store.set(
            &format!("{record}/backend"),
            "/local/domain/3/backend/vsnd/7/0",
        );
        bench.store.set(&format!("{record}/frontend"), CARD);
        for (key, value) in nodes {
            bench.store.set(&format!("{CARD}/{key}"), value);
        }
        bench
    }

    fn list(bench: &Bench) -> Result<Vec<DeviceVsnd>> {
        bench
            .ctx
            .block_on(async |op| list::all::<DeviceVsnd>(op, 7).await)
    }

    #[test]
    fn what_a_guest_writes_is_words_or_an_error_that_names_the_node() {
        for (key, value) in [
            ("sample-rates", "44100, 48000"),
            ("sample-rates", "44100,"),
            ("sample-rates", "-1"),
            ("sample-rates", "99999999999"),
            ("sample-rates", &("1,".repeat(MAX_WORDS) + "1")),
            ("sample-formats", "s16_le,mp3"),
            ("channels-min", "0x2"),
            ("0/buffer-size", ""),
            ("0/0/type", "x"),
        ] {
            let error = list(&guest(&[("0/0", ""), (key, value)])).unwrap_err();
            assert!(error.to_string().contains(key), "{value:?}: {error}");
            assert_eq!(error.domid(), Some(7));
        }
        let rates = "1,".repeat(MAX_WORDS - 1) + "1";
        let found = list(&guest(&[
            ("sample-rates", &rates),
            ("sample-formats", "S8"),
        ]))
        .unwrap();
        assert_eq!(found[0].params.sample_rates, [1; MAX_WORDS]);
        assert_eq!(found[0].params.sample_formats, [VsndPcmFormat::S8]);
    }

    #[test]
    fn a_card_has_an_end() {
        let streams: Vec<_> = (0..MAX_PARTS).map(|at| format!("0/{at}")).collect();
        let nodes: Vec<_> = streams.iter().map(|key| (&**key, "")).collect();
        let found = list(&guest(&nodes[1..])).unwrap();
        assert_eq!(found[0].pcms[0].streams, [], "the first is missing");
        let found = list(&guest(&nodes[..MAX_PARTS - 1])).unwrap();
        assert_eq!(found[0].pcms[0].streams.len(), MAX_PARTS - 1);
        let error = list(&guest(&nodes)).unwrap_err();
        assert!(error.to_string().contains("more than 256"), "{error}");
    }

    #[test]
    fn streams_stand_as_their_guest_says() {
        let bench = guest(&[
            ("state", "4"),
            ("0/0/ring-ref", "8"),
            ("0/0/event-channel", "9"),
            ("0/1/ring-ref", "none"),
        ]);
        let card = list(&bench).unwrap().remove(0);
        let info = |card: &DeviceVsnd| {
            let (ctx, card) = (&bench.ctx, card.clone());
            ctx.block_on(async |op| crate::device::info::of(op, 7, &card).await)
        };
        let stands = info(&card).unwrap();
        assert_eq!((stands.state, stands.backend_id), (4, 3));
        let streams = &stands.pcms[0].streams;
        let numbers = streams.iter().map(|s| (s.req_rref, s.req_evtch));
        assert_eq!(numbers.collect::<Vec<_>>(), [(8, 9), (-1, -1)]);
        // A card that lost its backend's path is none.
        bench.store.remove("/libxl/7/device/vsnd/0/backend");
        assert!(info(&card).is_err());
    }

    fn params(rate: u32) -> VsndParams {
        VsndParams {
            sample_rates: vec![rate, 48000],
            sample_formats: vec![VsndPcmFormat::S16Le, VsndPcmFormat::MuLaw],
            channels_min: 1,
            channels_max: 2,
            buffer_size: 65536,
        }
    }

    impl Sample for DeviceVsnd {
        fn sample() -> Self {
            let stream = VsndStream {
                unique_id: Some("id0".into()),
                type_: Some(VsndStreamType::C),
                params: params(3),
            };
            Self {
                backend_domid: sample::SERVER,
                short_name: Some("card".into()),
                long_name: Some("a card".into()),
                params: params(1),
                pcms: vec![
                    VsndPcm {
                        name: Some("pcm".into()),
                        params: params(2),
                        streams: vec![stream.clone(), stream],
                    },
                    VsndPcm {
                        name: Some("without streams".into()),
                        ..VsndPcm::default()
                    },
                ],
                ..Self::default()
            }
        }

        fn spoil(&mut self) {
            self.devid = 9;
        }

        fn recorded(self) -> Self {
            self
        }
    }
}
