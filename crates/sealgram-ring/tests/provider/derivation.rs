//! Hash functions, HMAC, HKDF and the 1.2 PRF.
//!
//! Values marked "computed" come from Python's `hmac` and `hashlib`, by the text of the RFC.

use sealgram_crypto::{hkdf, prf};
use sealgram_ring::hash::{SHA256, SHA384};

use crate::{counting, hex};

/// FIPS 180-4's example message.
#[test]
fn hash_of_abc_is_the_published_one() {
    assert_eq!(
        SHA256.hash(b"abc").as_ref(),
        hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    );
    assert_eq!(
        SHA384.hash(b"abc").as_ref(),
        hex("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163
             1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
    );
}

#[test]
fn forked_context_goes_its_own_way() {
    for hash in [SHA256, SHA384] {
        let mut context = hash.start();
        assert_eq!(context.current(), hash.hash(b""));
        context.update(b"ab");
        let mut fork = context.fork();
        context.update(b"c");
        fork.update(b"d");
        assert_eq!(context.current(), hash.hash(b"abc"));
        assert_eq!(context.current(), hash.hash(b"abc"));
        assert_eq!(fork.current(), hash.hash(b"abd"));
    }
}

/// RFC 4231 §4.3 and §4.7, whose key is longer than a block of SHA-256.
#[test]
fn hmac_gives_the_values_of_rfc_4231() {
    let message: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
    let tag = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_eq!(SHA256.hmac(b"Jefe", &message).as_ref(), tag);
    assert_eq!(SHA256.hmac_key(b"Jefe").sign(&message).as_ref(), tag);
    let tag = hex("af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47
                   e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649");
    assert_eq!(SHA384.hmac(b"Jefe", &message).as_ref(), tag);
    assert_eq!(SHA384.hmac_key(b"Jefe").sign(&message).as_ref(), tag);

    let message: [&[u8]; 1] = [b"Test Using Larger Than Block-Size Key - Hash Key First"];
    assert_eq!(
        SHA256.hmac(&[0xaa; 131], &message).as_ref(),
        hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    );
    assert_eq!(
        SHA384.hmac(&[0xaa; 131], &message).as_ref(),
        hex("4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f
             3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"),
    );
}

/// Computed.
#[test]
fn hmac_takes_an_empty_key() {
    let tag = hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    assert_eq!(SHA256.hmac(b"", &[]).as_ref(), tag);
    assert_eq!(SHA256.hmac_key(b"").sign(&[b""]).as_ref(), tag);
}

/// RFC 5869 §A.1, §A.2 and §A.3.
#[test]
fn hkdf_gives_the_values_of_rfc_5869() {
    let run = |ikm: &[u8], salt: &[u8], info: &[u8], prk: &str, okm: &str| {
        let secret = hkdf::extract(SHA256, salt, ikm);
        assert_eq!(secret.expose(), hex(prk));
        let okm = hex(okm);
        let mut out = vec![0; okm.len()];
        hkdf::expand(SHA256, secret.expose(), &[info], &mut out);
        assert_eq!(out, okm);
        // The parts of the info are only a way to write it.
        let (head, tail) = info.split_at(info.len() / 2);
        out.fill(0);
        hkdf::expand(SHA256, secret.expose(), &[head, tail], &mut out);
        assert_eq!(out, okm);
    };
    run(
        &[0x0b; 22],
        &counting(13),
        &hex("f0f1f2f3f4f5f6f7f8f9"),
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    );
    run(
        &counting(80),
        &(0x60..=0xaf).collect::<Vec<u8>>(),
        &(0xb0..=0xff).collect::<Vec<u8>>(),
        "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c
         59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71
         cc30c58179ec3e87c14c01d5c1f3434f1d87",
    );
    run(
        &[0x0b; 22],
        &[],
        &[],
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    );
}

/// Wycheproof's `hkdf_sha384_test.json`, test 71.
#[test]
fn hkdf_gives_the_value_of_wycheproof_with_sha384() {
    let secret = hkdf::extract(
        SHA384,
        &hex("718c78be3e85766bc454f19becd469bc2eb1d58e606894091700420d9f97bcb0
              3db02c43e742808fc2e2ba88185fdba9"),
        &hex("66c33e63e4260280ac52898eff61a515465cb005a4b80ec2a62e3d430b9e9e93
              81f6e6d9fbb1a2a633e8b75dce8c2929"),
    );
    let mut out = [0; 88];
    hkdf::expand(SHA384, secret.expose(), &[&hex("ad03d32ef7b7aaf2")], &mut out);
    assert_eq!(
        out.as_slice(),
        hex("73991ecc3e8334b0ace9f9cd82d95bb14dc9e060a764015a735fd4439e15b905
             d6067e797a3c3761f898158168fbfc219395fc90182968ac6362e805100b07a9
             68308c261ef3d3cc1045a246dcf079d903074e24b8802e9c"),
    );
}

/// Computed: HKDF-Expand-Label with the prefix `dtls13` and no blank after it (RFC 9147 §5.9).
#[test]
fn expand_label_uses_the_prefix_of_dtls() {
    let mut key = [0; 16];
    hkdf::expand_label(SHA256, &counting(32), "key", &[], &mut key);
    assert_eq!(key.as_slice(), hex("cc95abc258d309424ddbf7cba68bd77e"));

    let mut secret = [0; 32];
    let context = SHA256.hash(b"abc");
    hkdf::expand_label(SHA256, &counting(32), "c hs traffic", context.as_ref(), &mut secret);
    assert_eq!(
        secret.as_slice(),
        hex("1291da90280430b1adab1b0f6fa9cd752b68f7d4a0682d8ca305802f49bb09ba"),
    );

    let mut finished = [0; 48];
    hkdf::expand_label(SHA384, &counting(48), "finished", &[], &mut finished);
    assert_eq!(
        finished.as_slice(),
        hex("c73edef8e56e440178a6849ae4f93b018bd7f4d73bda364b
             83d2f130c03d9fb85e44a136999d6ae497fd7df0a36f325c"),
    );

    // More than two blocks.
    let mut long = [0; 100];
    let context = SHA384.hash(b"abc");
    hkdf::expand_label(SHA384, &counting(48), "exporter", context.as_ref(), &mut long);
    assert_eq!(
        long.as_slice(),
        hex("a4d9bcd591c2543bd750805cf596ec9ebea6062c70c9c282998ad548ab4f6182
             baead29630a1cb9031b91759e1ca701d4392da67a2c5d219a38e6fd721ce2363
             ac54ebdd9fa0597086b236c88ff5ddbd10c0703462f46335e3d315bb9c497219
             078c2340"),
    );
}

/// NIST ACVP, `TLS-v1.2 KDF RFC7627`: vector set 1586642, tests 11 (SHA-256) and 31 (SHA-384).
#[test]
fn prf_gives_the_values_of_acvp() {
    struct Test {
        hash: &'static dyn sealgram_crypto::Hash,
        pre_master_secret: &'static str,
        session_hash: &'static str,
        client_random: &'static str,
        server_random: &'static str,
        master_secret: &'static str,
        key_block: &'static str,
    }
    let tests = [
        Test {
            hash: SHA256,
            pre_master_secret: "23C9D8D88575378F5F8009BB596BE6815F5D96A3B6334677
                                12E1A22405A73482192EC19F5B1273832CB9663E7E66CB28",
            session_hash: "9F395B2CEC7548B4785DD555B9D9B315EC880233F70654E986366248FD766CC4",
            client_random: "8D5A49ECFF49FD0FEFCE10FE246F88AE8C2B8802666FE5AF1F175F2036F10F7C",
            server_random: "66321715222702416CA015ECA33EE91C2B76F6667009BA9BB6CC5211237B671A",
            master_secret: "3a43bb93200224518942279b01cbe0c04398c6da15232bfb
                            4790b52f15fa563048360312c9958e788c74a19a2f16465e",
            key_block: "12562ee7021c315e0b23ccd6daac537b47741a2fb61717c83c76ee203b27ccd4
                        cb7864044cdd22c4a77bd2dc163cb2ed082351a11cb9c1af1893f833058382f5
                        e0e1e16ec79f7f04cd670fb1f38259561f0d2cfd2525f51a1cc1bcf065022493
                        b35565cba3e216466a3b85f7f5785a99d1d964a5a1c414e6ccc14ca68d80a319",
        },
        Test {
            hash: SHA384,
            pre_master_secret: "86D4C4505EB4B275BDDBD62F7A368638427BF2CD4341B575
                                AE00A7F34E06088E3AF6DD916898E28078BF4656A204C2CD",
            session_hash: "FAB73AA9D9B80F3D7ACACEFF0EB2BAE0B15EA2F240D9492D
                           B70B7BA70B3055678EAA7B05A02C56C22648BD77ACF2BE91",
            client_random: "F20E31C397CDB58B988E9CC84AC07BF8203307E42E7F3AB315DFC994FAF62607",
            server_random: "825247FBDE6E5D986B316D7A2EE198DC36969B4FC45B9DDA171D63ABCB38DF91",
            master_secret: "0020134a8a8a830082674842e91bd090e695f06685298ff2
                            fe4fc6598fd0ce2f2920faf1127b6f6745f33527a9c6a131",
            key_block: "0e4f3d3a50bf595aa110edfebce1ee84b8cf95787e0a57f1bc66d25c0ac2c723
                        fb8af0ca1a1a934a1209cfaba51b022bca27d4d56b875f516157b28e0fda285a
                        097358bc56ca8ae5966fc9dad0241dd9c77b6d2ac55706350eade2c5fc139cb7
                        04412665c3595fa4104746858427054869d50eeaa212e0732cce09904f8badf0",
        },
    ];
    for test in tests {
        let mut master = [0; 48];
        let seed = hex(test.session_hash);
        let secret = hex(test.pre_master_secret);
        prf(test.hash, &secret, b"extended master secret", &[&seed], &mut master);
        assert_eq!(master.as_slice(), hex(test.master_secret));

        let mut block = [0; 128];
        let seed = [hex(test.server_random), hex(test.client_random)];
        prf(test.hash, &master, b"key expansion", &[&seed[0], &seed[1]], &mut block);
        assert_eq!(block.as_slice(), hex(test.key_block));
    }
}
