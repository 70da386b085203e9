"""Verifies an export of mcpchat's audit log; a second opinion that shares no code with mcpchat.

    python3 audit_verify.py EXPORT [CHECKPOINT_FILE PUBLIC_KEY_FILE]

Exit 0: nothing is wrong. Exit 8: the first thing that is wrong is named. The form is that of src/model/audit_row.rs.
"""
import hashlib, json, sys

# Ed25519, RFC 8032 section 5.1, in affine coordinates: slow and short.
P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
ORDER = 2**252 + 27742317777372353535851937790883648493


def recover(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert y < P and (x * x - square) % P == 0, "no point of the curve"
    return (P - x if x & 1 != sign else x), y


def add(a, b):
    t = D * a[0] * b[0] * a[1] * b[1]
    return ((a[0] * b[1] + b[0] * a[1]) * pow(1 + t, -1, P) % P, (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P) % P)


def times(n, point):
    result = (0, 1)
    while n:
        result, point, n = add(result, point) if n & 1 else result, add(point, point), n >> 1
    return result


def has_signed(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    base = recover((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    return s < ORDER and times(s, base) == add(recover(signature[:32]), times(h, recover(key)))


def canonical(members, without):
    kept = {name: members[name] for name in members.keys() - without}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def fail(why):
    sys.exit(print(why) or 8)


def main(export, checkpoint_file=None, key_file=None):
    checkpoints, last, previous = {}, None, None
    keys = {hashlib.sha256(key).hexdigest()[:16]: key for key in map(bytes.fromhex, open(key_file))} if key_file else {}
    for point in map(json.loads, open(checkpoint_file) if checkpoint_file else ()):
        key, signature = keys.get(point["key_id"]), bytes.fromhex(point["signature"])
        if key is None or not has_signed(key, canonical(point, {"signature"}), signature):
            fail(f"the checkpoint of row {point['row']} is not signed by a key that is given")
        checkpoints[point["row"]] = point["hash"]
    for row in map(json.loads, open(export, encoding="utf-8")):
        last = row["id"] - 1 if last is None else last
        previous = "00" * 32 if last == 0 else previous or row["previous_hash"]
        if row["id"] != last + 1:
            fail(f"row {last + 1} is due, and row {row['id']} is there")
        if row["previous_hash"] != previous:
            fail(f"row {row['id']} does not follow row {last}")
        digest = hashlib.sha256(bytes.fromhex(previous) + canonical(row, {"hash", "previous_hash"})).hexdigest()
        if digest != row["hash"]:
            fail(f"row {row['id']} was changed")
        if checkpoints.get(row["id"], digest) != digest:
            fail(f"row {row['id']} is not the one of its checkpoint")
        last, previous = row["id"], digest
    if checkpoints and max(checkpoints) > (last or 0):
        fail(f"the log ends at row {last}, but a checkpoint was made at row {max(checkpoints)}")
    print(f"verified up to row {last}")


main(*sys.argv[1:])
