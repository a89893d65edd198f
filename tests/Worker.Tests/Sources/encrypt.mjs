// Makes the vectors of SettingsKeyRingTests, as a control plane in Node writes settings: node encrypt.mjs
import { createCipheriv } from 'node:crypto';

const key = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const settings = JSON.stringify({ pixelId: '1234567890', accessToken: 'EAAB-secret-ü' });
for (const length of [12, 16]) {
  const iv = Buffer.from(Array.from({ length }, (_, index) => 0xa0 + index));
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(Buffer.from('destinations-settings', 'utf8'));
  const encrypted = Buffer.concat([cipher.update(settings, 'utf8'), cipher.final()]);
  console.log(JSON.stringify({ encrypted: encrypted.toString('hex'), iv: iv.toString('hex'), tag: cipher.getAuthTag().toString('hex') }));
}
