"""Mail as it is found in spools: short notes, HTML newsletters, base64 attachments of which some go to many people."""
import base64
import email.header
import email.utils
import html
import random

from servers import names

FIRST_DAY = 1425427200
SHARED = 8  # attachments that many messages carry


def lines(data):
    text = base64.b64encode(data).decode()
    return "\r\n".join(text[at:at + 76] for at in range(0, len(text), 76))


def document(seed, size):
    """Something like an office file: half prose, half incompressible."""
    chance = random.Random(f"document {seed}")
    prose = names.paragraph(chance, size // 120).encode()
    return b"%PDF-1.4\n" + prose + chance.randbytes(max(0, size - len(prose)))


def attachment(chance):
    if chance.random() < 0.6:
        number = chance.randrange(SHARED)
        return f"handout-{number}.pdf", document(number, 30000 + 15000 * number)
    number = chance.getrandbits(40)
    return f"scan-{number:x}.pdf", document(number, chance.choice([5000, 12000, 40000, 90000]))


def message(user, number, chance):
    """One message for `user` as bytes, and its date in seconds."""
    date = FIRST_DAY + number * 3600 + chance.randrange(3600)
    given, family = names.person(chance)
    headers = [f"Return-Path: <{number}@example.com>",
               f"Received: from mx.example.com (mx.example.com [192.0.2.{number % 250 + 1}])",
               f"\tby imap1.example.org with LMTPA; {email.utils.formatdate(date)}",
               f"From: {email.utils.formataddr((f'{given} {family}', f'{number}@example.com'))}",
               f"To: {user}", f"Subject: {email.header.Header(names.sentence(chance, 3, 8), 'utf-8').encode()}",
               f"Date: {email.utils.formatdate(date)}", f"Message-ID: <{number}.{chance.getrandbits(64):016x}@example.com>",
               "MIME-Version: 1.0"]
    kind = chance.random()
    body = names.paragraph(chance, chance.randint(2, 40))
    if kind < 0.10:
        content = with_attachment(body, chance)
    elif kind < 0.30:
        content = as_html(body, chance)
    else:
        content = plain(body)
    return ("\r\n".join([*headers, *content]) + "\r\n").encode(), date


def plain(body):
    return ["Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: 8bit", "", *body.split(". ")]


def as_html(body, chance):
    cells = "\r\n".join(f'<tr><td style="font-family:sans-serif;color:#{chance.getrandbits(24):06x}">{html.escape(part)}</td></tr>'
                        for part in body.split(". "))
    return multipart("alternative", chance, [plain(body), ["Content-Type: text/html; charset=UTF-8", "",
                                                           f"<html><body><table>\r\n{cells}\r\n</table></body></html>"]])


def with_attachment(body, chance):
    name, data = attachment(chance)
    return multipart("mixed", chance, [plain(body), [
        f'Content-Type: application/pdf; name="{name}"', "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment; filename="{name}"', "", lines(data)]])


def multipart(kind, chance, parts):
    border = f"=_{chance.getrandbits(96):024x}"
    text = [f'Content-Type: multipart/{kind}; boundary="{border}"', ""]
    for part in parts:
        text += ["--" + border, *part]
    return [*text, f"--{border}--"]
